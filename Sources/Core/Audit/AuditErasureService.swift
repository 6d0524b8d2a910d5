package import Modules

extension AuditModule {
    /// What tells of an erasure.
    static let erasureAction = "audit.erased"
    private static let batch = 500

    /// Takes a person out of the trail: their id becomes a pseudonym, and what else may tell of them goes, with the salts that it could be
    /// guessed by. The chain still holds, and a row of its own says how much was erased.
    /// - Parameters:
    ///   - person: the id that rows know the person by.
    ///   - pseudonym: what stands in its place, such as `erased-1f3c…`; the same in every row, so that what one person did stays together.
    /// - Returns: how many rows were changed.
    @discardableResult
    package func forget(person: String, pseudonym: String, in transaction: Transaction) throws -> Int {
        precondition(!pseudonym.isEmpty && pseudonym != person, "a pseudonym is another name")
        let id: ID<AuditEvent> = runtime.id()
        var erased = ErasedFields()
        while case let rows = try transaction.auditRows(about: person, atMost: Self.batch), !rows.isEmpty {
            for var row in rows {
                let fields = try row.erase(Self.replacements(in: row, person, pseudonym), by: id.text)
                // A row whose erasure somebody tampered with cannot be read, and would come again and again.
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
        let event = AuditEvent(Self.erasureAction, subjectKind: "person", subject: pseudonym, details: erased.details)
        try record(event, id: id, at: transaction.now, in: transaction)
        return Int(erased.rows)
    }

    static func replacements(in row: AuditRow, _ person: String, _ pseudonym: String) -> [PersonalField: String?] {
        var replacements: [PersonalField: String?] = [.details: .some("{}")]
        for field in PersonalField.ids where row.personal[field] == person { replacements[field] = .some(pseudonym) }
        // The network and the request belong to whoever acted: an administrator's stay.
        let acted = row.personal[.impersonator] ?? row.personal[.actor]
        if acted == nil || acted == person {
            replacements[.address] = .some(nil)
            replacements[.request] = .some(nil)
        }
        return replacements
    }
}
