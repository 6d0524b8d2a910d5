import Foundation
package import Modules

/// What is asked of the trail: everything that is given must fit.
package struct AuditSearch: Sendable {
    package var action: String?
    package var outcome: AuditEvent.Outcome?
    /// The account that acted, in their own name or in another's.
    package var actor: String?
    /// The account that it was done to.
    package var target: String?
    package var limit: Int
    package var offset: Int

    package init(
        action: String? = nil, outcome: AuditEvent.Outcome? = nil, actor: String? = nil, target: String? = nil,
        limit: Int, offset: Int = 0
    ) {
        self.action = action
        self.outcome = outcome
        self.actor = actor
        self.target = target
        self.limit = limit
        self.offset = offset
    }
}

/// One row of the trail, to be looked at.
package struct AuditRecord: Sendable {
    /// Where it stands in the chain.
    package let place: AuditChainPosition
    package let id: ID<AuditEvent>
    package let at: Instant
    package let event: AuditEvent
    /// Whether something of it was erased with a person's data.
    package let isErased: Bool
}

extension AuditModule {
    /// Rows of the trail, newest first, and how many there are in all.
    package func search(_ search: AuditSearch) async throws(Problem) -> (rows: [AuditRecord], total: Int64) {
        var condition: SQL = "1 = 1"
        if let action = search.action { condition = "\(condition) AND action = \(action)" }
        if let outcome = search.outcome { condition = "\(condition) AND outcome = \(outcome)" }
        if let actor = search.actor {
            condition = "\(condition) AND (actor_id = \(actor) OR impersonator_id = \(actor))"
        }
        if let target = search.target { condition = "\(condition) AND (target_id = \(target) OR subject = \(target))" }
        return try await page(condition, search.limit, search.offset)
    }

    /// What a person did and what was done to their account, newest first, and how much there is in all.
    package func activity(of person: String, limit: Int, offset: Int) async throws(Problem) -> (
        rows: [AuditRecord], total: Int64
    ) {
        try await page("(actor_id = \(person) OR subject = \(person) OR target_id = \(person))", limit, offset)
    }

    private func page(_ condition: SQL, _ limit: Int, _ offset: Int) async throws(Problem) -> (
        rows: [AuditRecord], total: Int64
    ) {
        try await database.read { transaction in
            (
                rows: try transaction.all(
                    "SELECT \(Transaction.auditColumns) FROM audit_events WHERE \(condition) ORDER BY at DESC, sequence DESC, id DESC LIMIT \(limit) OFFSET \(offset)"
                ) { AuditRecord(try AuditRow(row: $0)) },
                total: try transaction.count("SELECT COUNT(*) AS count FROM audit_events WHERE \(condition)")
            )
        }
    }
}

extension AuditRecord {
    init(_ row: AuditRow) {
        place = row.place
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
            // A row that somebody tampered with is shown as far as it can be read.
            details: (try? JSONDecoder().decode(
                [String: String].self, from: Data((row.personal[.details] ?? "{}").utf8))) ?? [:]
        )
    }
}
