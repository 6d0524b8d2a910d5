package import Modules

/// Removes a person's data from the audit trail without breaking its chain.
package final class AuditErasureService: Sendable {
    /// The action of the event that records an erasure.
    static let action = "audit.erased"
    private static let batchSize = 500

    private let audit: AuditService
    private let runtime: Runtime

    init(audit: AuditService, runtime: Runtime) {
        self.audit = audit
        self.runtime = runtime
    }

    /// Replaces a person's id with a pseudonym and deletes every other personal value of their rows, together with the
    /// salts that would allow a dictionary search. The chain remains valid. One event records how much was erased.
    /// - Parameters:
    ///   - person: the person's id as the rows hold it.
    ///   - pseudonym: the replacement, such as `erased-1f3c…`; the same in every row, so that the rows of one person
    ///     remain related.
    /// - Returns: the number of changed rows.
    /// - Throws: `internal-error` for a row whose erasure record cannot be parsed.
    @discardableResult
    package func erase(person: String, pseudonym: String, in transaction: Transaction) throws -> Int {
        precondition(!pseudonym.isEmpty && pseudonym != person, "the pseudonym must differ from the id")
        let id: ID<AuditEvent> = runtime.id()
        var erased = ErasedFields()
        while case let rows = try transaction.auditRows(about: person, atMost: Self.batchSize), !rows.isEmpty {
            for var row in rows {
                let fields = try row.erase(Self.replacements(in: row, person, pseudonym), by: id.text)
                // A row with an unreadable erasure record would be selected again in every batch.
                guard !fields.isEmpty else {
                    throw Problem(
                        .internalError,
                        detail: "The audit row \(row.id) was tampered with: run `gatehouse audit verify`.")
                }
                try transaction.updateErased(row)
                for field in fields { erased.add(row, field) }
            }
        }
        guard erased.rows > 0 else { return 0 }
        let event = AuditEvent(Self.action, subjectKind: "person", subject: pseudonym, details: erased.details)
        try audit.record(event, id: id, in: transaction)
        return Int(erased.rows)
    }

    static func replacements(in row: AuditRow, _ person: String, _ pseudonym: String) -> [PersonalField: String?] {
        var replacements: [PersonalField: String?] = [.details: .some("{}")]
        for field in PersonalField.ids where row.personal[field] == person { replacements[field] = .some(pseudonym) }
        // Address and request id are data of the account that acted: those of an administrator are kept.
        let author = row.personal[.impersonator] ?? row.personal[.actor]
        if author == nil || author == person {
            replacements[.address] = .some(nil)
            replacements[.request] = .some(nil)
        }
        return replacements
    }
}
