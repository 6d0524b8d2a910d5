import Foundation
import Modules

extension Transaction {
    func insert(_ event: AuditEvent, id: ID<AuditEvent>) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let details = String(decoding: try encoder.encode(event.details), as: UTF8.self)
        try execute(
            """
            INSERT INTO audit_events (id, at, action, outcome, actor_id, organisation_id, subject, address, request_id, details)
            VALUES (\(id), \(now), \(event.action), \(event.outcome), \(event.actor), \(event.organisation), \(event.subject),
                    \(event.address), \(event.requestID), \(details))
            """
        )
    }
}

enum AuditSchema {
    static let migrations = [
        Migration(
            "audit-001-events",
            """
            CREATE TABLE audit_events (
                id TEXT PRIMARY KEY NOT NULL,
                at \(.integer) NOT NULL,
                action TEXT NOT NULL,
                outcome TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'refused')),
                actor_id TEXT,
                organisation_id TEXT,
                subject TEXT,
                address TEXT,
                request_id TEXT,
                details TEXT NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX audit_events_by_actor ON audit_events (actor_id, at)",
            "CREATE INDEX audit_events_by_organisation ON audit_events (organisation_id, at)"
        )
    ]
}
