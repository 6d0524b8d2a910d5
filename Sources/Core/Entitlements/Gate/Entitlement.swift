package import Identity
package import Modules

/// What the subscription of an organisation gives it: a plan and its current period, without the usage.
///
/// A class: requests share it, and ``EntitlementCache`` keeps it between them. It may be out of date; the transaction
/// that takes units compares ``Basis`` with the database, and its time with ``validUntil``.
package final class Entitlement: Sendable {
    /// What the terms follow from. Every change of a subscription or of plans changes it, in its own transaction.
    struct Basis: Sendable, Hashable {
        let subscription: ID<Subscription>
        let version: Int64
        /// The number of stored versions of plans.
        let planVersions: Int64
    }

    package let organisation: ID<Organisation>
    package let plan: Plan
    package let period: Period
    let subscription: Subscription
    let basis: Basis
    /// When the terms change by themselves, by the database's time: a period, a trial, or what was paid for ends.
    let validUntil: Instant

    init(_ subscription: Subscription, plan: Plan, period: Period, planVersions: Int64, at now: Instant) {
        organisation = subscription.organisation
        self.plan = plan
        self.period = period
        self.subscription = subscription
        basis = Basis(subscription: subscription.id, version: subscription.version, planVersions: planVersions)
        validUntil = min(period.end, subscription.nextChange(after: now) ?? period.end)
    }
}

extension PlanCatalog {
    /// - Returns: nil for an organisation whose subscription gives no access now, or that has none.
    func entitlement(of organisation: ID<Organisation>, in transaction: Transaction) throws -> Entitlement? {
        // Counted first: versions that are added meanwhile make the entitlement out of date.
        let versions = versionCount
        guard let subscription = try transaction.subscription(of: organisation),
            let (plan, period) = activePlan(of: subscription, at: transaction.now)
        else { return nil }
        return Entitlement(subscription, plan: plan, period: period, planVersions: versions, at: transaction.now)
    }
}
