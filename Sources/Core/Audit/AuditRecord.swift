import Foundation
package import Modules

/// One row of the audit trail for display.
package struct AuditRecord: Sendable {
    /// The row's position in the chain.
    package let position: AuditChainPosition
    package let id: ID<AuditEvent>
    package let at: Instant
    package let event: AuditEvent
    /// Whether personal data was erased from the row.
    package let isErased: Bool

    init(_ row: AuditRow) {
        position = row.position
        id = ID(trusted: row.id)
        at = row.at
        isErased = row.erasure != nil
        event = AuditEvent(
            row.action,
            outcome: AuditEvent.Outcome(rawValue: row.outcome) ?? .failure,
            actor: row.personal[.actor],
            impersonator: row.personal[.impersonator],
            organisation: row.organisation,
            subjectKind: row.subjectKind,
            subject: row.personal[.subject],
            target: row.personal[.target],
            address: row.personal[.address],
            requestID: row.personal[.request],
            // Details that were tampered with and cannot be parsed are shown as empty.
            details: (try? JSONDecoder().decode(
                [String: String].self, from: Data((row.personal[.details] ?? "{}").utf8))) ?? [:]
        )
    }
}
