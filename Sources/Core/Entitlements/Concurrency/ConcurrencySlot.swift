package import Identity
package import Modules

/// Proof that the plan allows one more active row. The gate makes it; ``ConcurrencyService/take(_:in:)`` spends it in
/// the transaction of the work.
package struct ConcurrencySlot: Sendable {
    let concurrency: Concurrency
    package let organisation: ID<Organisation>
    /// Whose rows are counted, in all organisations; nil counts those of the organisation.
    let person: ID<Person>?
    let limit: Limit

    /// - Throws: `concurrency-limit`.
    func requireFree(in transaction: Transaction) throws {
        let now = transaction.now
        let active =
            person.flatMap { concurrency.activeOfPerson?($0, now) } ?? concurrency.active(organisation, now)
        let count = try transaction.count("SELECT COUNT(*) AS count " + active)
        guard !limit.allows(count + 1) else { return }
        throw Problem(
            .concurrencyLimit,
            title: "Rate limit exceeded. Maximum \(limit.value) active \(concurrency.noun) allowed.",
            detail: "End one of them, or change the plan.",
            members: ["limit": .integer(limit.value)]
        )
    }
}

extension Problem.Kind {
    package static let concurrencyLimit = Self(
        "concurrency-limit", "Rate limit exceeded. Too many are active at once.", status: 429)
}
