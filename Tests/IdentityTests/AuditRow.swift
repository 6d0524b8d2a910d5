import App
import Base
import Modules
import TestKit

/// One row of the audit trail, with the columns that the tests read.
struct AuditRow: Sendable, Equatable {
    var action: String
    var outcome: String
    var actor: String?
    var subject: String?
    var details: String
}

extension TestApp {
    /// The audit rows of an action, oldest first.
    func audited(_ action: String) async throws -> [AuditRow] {
        try await app.database.read { transaction in
            try transaction.all(
                """
                SELECT action, outcome, actor_id, subject, details FROM audit_events
                WHERE action = \(action) ORDER BY at, sequence, id
                """
            ) { row in
                AuditRow(
                    action: try row["action"], outcome: try row["outcome"], actor: try row["actor_id"],
                    subject: try row["subject"], details: try row["details"]
                )
            }
        }
    }

    /// The audit rows of an action with one outcome, oldest first.
    func audited(_ action: String, _ outcome: String) async throws -> [AuditRow] {
        try await audited(action).filter { $0.outcome == outcome }
    }
}
