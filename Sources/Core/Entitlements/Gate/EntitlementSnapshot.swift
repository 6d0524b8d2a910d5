package import Identity
package import Modules

/// An organisation's plan, its current period and its usage in that period, as they were at one moment.
package struct EntitlementSnapshot: Sendable {
    let entitlement: Entitlement
    package let readAt: Instant
    let levels: [String: Level]
    let usageView = UsageViewCache()

    package var organisation: ID<Organisation> { entitlement.organisation }
    package var plan: Plan { entitlement.plan }
    package var period: Period { entitlement.period }
    var subscription: Subscription { entitlement.subscription }

    package func level(of meter: Meter) -> Level { levels[meter.name] ?? Level() }
    var storage: Level { levels[Bucket.storageMeter] ?? Level() }
}

extension PlanCatalog {
    /// - Returns: nil for an organisation whose subscription gives no access now, or that has none.
    func snapshot(of organisation: ID<Organisation>, in transaction: Transaction) throws -> EntitlementSnapshot? {
        guard let entitlement = try entitlement(of: organisation, in: transaction) else { return nil }
        return EntitlementSnapshot(
            entitlement: entitlement,
            readAt: transaction.now,
            levels: try transaction.levels(of: organisation, in: entitlement.period)
        )
    }
}
