package import Identity
package import Modules

/// Something of which only so many may live at once, counted from the rows of the work itself. Products name theirs:
///
/// ```swift
/// extension Concurrency {
///     static let agents = Concurrency("agents", of: "sessions") { "FROM agent_sessions WHERE organisation_id = \($0) AND ended_at IS NULL" }
/// }
/// ```
package struct Concurrency: Sendable {
    /// As it stands in the catalogue of plans.
    package let name: String
    /// As it ends a sentence: "Maximum 5 active sessions allowed."
    package let noun: String
    /// The rows that live, from FROM on.
    let living: @Sendable (ID<Organisation>) -> SQL

    package init(_ name: String, of noun: String, living: @escaping @Sendable (ID<Organisation>) -> SQL) {
        self.name = name
        self.noun = noun
        self.living = living
    }
}

/// Room for one more of something. Nothing is taken yet: the proof is spent in the transaction that inserts the work.
package struct ConcurrencyRequirement: Requirement {
    let concurrency: Concurrency
    let entitlements: EntitlementsModule
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription, .concurrencyLimit] }
    package var summary: RequirementSummary { RequirementSummary(.concurrency, concurrency.name) }

    package func check(_ call: Request) async throws(Problem) -> ConcurrencySlot {
        let standing = try await entitlements.standing(for: call)
        let place = ConcurrencySlot(
            concurrency: concurrency, organisation: standing.organisation,
            limit: standing.plan.concurrency(of: concurrency.name))
        try await entitlements.database.read { try place.requireRoom(in: $0) }
        return place
    }
}

/// Proof that the plan has room for one more, made by the gate and spent by ``EntitlementsModule/take(_:in:)`` in the work's transaction.
package struct ConcurrencySlot: Sendable {
    let concurrency: Concurrency
    package let organisation: ID<Organisation>
    let limit: Limit

    fileprivate func requireRoom(in transaction: Transaction) throws {
        let count = try transaction.count("SELECT COUNT(*) AS count " + concurrency.living(organisation))
        guard !limit.allows(count + 1) else { return }
        throw Problem(
            .concurrencyLimit,
            title: "Rate limit exceeded. Maximum \(limit.value) active \(concurrency.noun) allowed.",
            detail: "End one of them, or change the plan.",
            members: ["limit": .integer(limit.value)]
        )
    }
}

extension EntitlementsModule {
    /// Requires room for one more of something; the proof is spent by ``take(_:in:)``.
    package func concurrency(_ concurrency: Concurrency) -> ConcurrencyRequirement {
        ConcurrencyRequirement(concurrency: concurrency, entitlements: self)
    }

    /// Sees to it that the work which this transaction inserts next has room. Whoever inserts such work of the same organisation waits here
    /// until this transaction ends, and then counts what it inserted.
    /// - Throws: `concurrency-limit` when somebody else was faster.
    package func take(_ place: ConcurrencySlot, in transaction: Transaction) throws {
        guard place.limit != .unlimited else { return }
        try transaction.takeTurn(place.concurrency.name, of: place.organisation)
        try place.requireRoom(in: transaction)
    }
}

extension Transaction {
    /// Takes the row of a kind of work until the transaction ends. Where statements read what is committed when they begin, as in PostgreSQL,
    /// the count that follows sees whatever those inserted who had the row before.
    fileprivate func takeTurn(_ kind: String, of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO concurrency_turns (organisation_id, kind, taken_at) VALUES (\(organisation), \(kind), \(now))
            ON CONFLICT (organisation_id, kind) DO UPDATE SET taken_at = excluded.taken_at
            """
        )
    }
}

extension Problem.Kind {
    package static let concurrencyLimit = Self(
        "concurrency-limit", "Rate limit exceeded. Too many are active at once.", status: 429)
}
