package import Identity
package import Modules

/// An organisation's plan, its current period and its usage in that period, read once per request.
package struct EntitlementSnapshot: Sendable {
    package let organisation: ID<Organisation>
    package let plan: Plan
    package let period: Period
    package let readAt: Instant
    let subscription: Subscription
    let levels: [String: Level]

    package func level(of meter: Meter) -> Level { levels[meter.name] ?? Level() }
    var storage: Level { levels[Bucket.storageMeter] ?? Level() }
}

extension PlanCatalog {
    /// - Returns: nil for an organisation whose subscription gives no access now, or that has none.
    func snapshot(of organisation: ID<Organisation>, in transaction: Transaction) throws -> EntitlementSnapshot? {
        guard let subscription = try transaction.subscription(of: organisation),
            let (plan, period) = activePlan(of: subscription, at: transaction.now)
        else {
            return nil
        }
        return EntitlementSnapshot(
            organisation: organisation,
            plan: plan,
            period: period,
            readAt: transaction.now,
            subscription: subscription,
            levels: try transaction.levels(of: organisation, in: period)
        )
    }
}
