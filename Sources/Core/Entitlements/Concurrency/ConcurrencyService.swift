package import Identity
package import Modules

/// Limits how many rows of some work are active at once.
package final class ConcurrencyService: Sendable {
    private let database: any Database
    private let entitlements: EntitlementService
    private let plans: PlanCatalog

    init(database: any Database, entitlements: EntitlementService, plans: PlanCatalog) {
        self.database = database
        self.entitlements = entitlements
        self.plans = plans
    }

    /// A slot for one more active row of the request's organisation, or of its person where the default allowance is
    /// that of each person.
    /// - Parameter needsSubscription: false gives the default allowance to an organisation without a plan, and to one
    ///   whose plan does not list the work.
    /// - Throws: `no-active-subscription`, `concurrency-limit`.
    func slot(of concurrency: Concurrency, needsSubscription: Bool, for request: Request) async throws(Problem)
        -> ConcurrencySlot
    {
        let (organisation, limit): (ID<Organisation>, Limit)
        var person: ID<Person>?
        if needsSubscription {
            let snapshot = try await entitlements.snapshot(for: request)
            (organisation, limit) = (snapshot.organisation, snapshot.plan.concurrency(of: concurrency.name))
        } else {
            let plan = try await entitlements.snapshotIfSubscribed(for: request)?.plan
            organisation = try await entitlements.organisation(of: request)
            limit = entitlements.allowance.concurrency(of: concurrency.name, under: plan)
            if concurrency.activeOfPerson != nil, plan?.concurrency[concurrency.name] == nil {
                person = try await entitlements.person(of: request)
            }
        }
        let slot = ConcurrencySlot(
            concurrency: concurrency, organisation: organisation, person: person, limit: limit)
        try await database.read { try slot.requireFree(in: $0) }
        return slot
    }

    /// Checks the limit for a row that this transaction inserts next. A concurrent transaction that takes a slot of the
    /// same organisation or person waits until this one ends, and then counts its rows too.
    /// - Throws: `concurrency-limit` when the slot was taken since the gate's check.
    package func take(_ slot: ConcurrencySlot, in transaction: Transaction) throws {
        guard slot.limit != .unlimited else { return }
        try transaction.lockConcurrency(slot.concurrency.name, of: transaction.lockedOrganisation(of: slot))
        try slot.requireFree(in: transaction)
    }

    /// A slot for a row that becomes active again, on a route without a gate for it. It is taken in the same
    /// transaction. The default allowance holds where there is no plan, or the plan does not list the work.
    package func slot(
        of concurrency: Concurrency, for person: ID<Person>, of organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws -> ConcurrencySlot {
        let plan = try plans.entitlement(of: organisation, in: transaction)?.plan
        let isListed = plan?.concurrency[concurrency.name] != nil
        return ConcurrencySlot(
            concurrency: concurrency, organisation: organisation,
            person: concurrency.activeOfPerson == nil || isListed ? nil : person,
            limit: plans.allowance.concurrency(of: concurrency.name, under: plan))
    }

    /// How many more rows of an organisation may be active, for work that a job starts. Other transactions that ask, or
    /// take a slot of the organisation, wait until this one ends.
    /// - Returns: 0 where neither the plan nor the default allowance lists the work.
    package func room(for concurrency: Concurrency, of organisation: ID<Organisation>, in transaction: Transaction)
        throws -> Int64
    {
        try lock(concurrency, of: organisation, in: transaction)
        let plan = try plans.entitlement(of: organisation, in: transaction)?.plan
        let limit = plans.allowance.concurrency(of: concurrency.name, under: plan)
        let active = try transaction.count(
            "SELECT COUNT(*) AS count " + concurrency.active(organisation, transaction.now))
        return max(0, limit.bound - active)
    }

    /// Makes other transactions that take slots of the organisation wait until this one ends, as the first lock of a
    /// transaction that takes several.
    package func lock(_ concurrency: Concurrency, of organisation: ID<Organisation>, in transaction: Transaction) throws
    {
        try transaction.lockConcurrency(concurrency.name, of: organisation)
    }
}

extension Transaction {
    /// The organisation whose row is locked: where a person's rows are counted, the one that the person always has.
    fileprivate func lockedOrganisation(of slot: ConcurrencySlot) throws -> ID<Organisation> {
        guard let person = slot.person else { return slot.organisation }
        return try personalOrganisation(of: person) ?? slot.organisation
    }

    /// Locks a kind of work until the transaction ends. PostgreSQL's READ COMMITTED reads what is committed when a
    /// statement begins, so that the count after the lock includes the rows of the earlier holders of the lock.
    fileprivate func lockConcurrency(_ kind: String, of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO concurrency_locks (organisation_id, kind, locked_at) VALUES (\(organisation), \(kind), \(now))
            ON CONFLICT (organisation_id, kind) DO UPDATE SET locked_at = excluded.locked_at
            """
        )
    }
}
