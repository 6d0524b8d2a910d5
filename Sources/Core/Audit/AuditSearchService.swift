package import Modules

/// Searches the audit trail.
package final class AuditSearchService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    /// The matching rows, newest first, and their total number.
    package func search(_ search: AuditSearch) async throws(Problem) -> (rows: [AuditRecord], total: Int64) {
        var condition: SQL = .always
        if let action = search.action { condition = "\(condition) AND action = \(action)" }
        if let outcome = search.outcome { condition = "\(condition) AND outcome = \(outcome)" }
        if let actor = search.actor {
            condition = "\(condition) AND (actor_id = \(actor) OR impersonator_id = \(actor))"
        }
        if let target = search.target { condition = "\(condition) AND (target_id = \(target) OR subject = \(target))" }
        return try await page(condition, search.limit, search.offset)
    }

    /// The rows in which a person acted or was acted upon, newest first, and their total number.
    package func activity(of person: String, limit: Int, offset: Int) async throws(Problem) -> (
        rows: [AuditRecord], total: Int64
    ) {
        try await page("(actor_id = \(person) OR subject = \(person) OR target_id = \(person))", limit, offset)
    }

    /// The rows about one object of an organisation, oldest first, and their total number.
    package func history(of subject: String, in organisation: String, limit: Int, offset: Int) async throws(Problem)
        -> (rows: [AuditRecord], total: Int64)
    {
        let condition: SQL = "subject = \(subject) AND organisation_id = \(organisation)"
        return try await database.read { transaction in
            let rows = try transaction.auditHistory(where: condition, limit: limit, offset: offset)
            return (rows: rows.map(AuditRecord.init), total: try transaction.countAuditRows(where: condition))
        }
    }

    private func page(_ condition: SQL, _ limit: Int, _ offset: Int) async throws(Problem) -> (
        rows: [AuditRecord], total: Int64
    ) {
        try await database.read { transaction in
            let rows = try transaction.auditRows(where: condition, limit: limit, offset: offset).map(AuditRecord.init)
            return (rows: rows, total: try transaction.countAuditRows(where: condition))
        }
    }
}
