package import Identity
package import Modules

/// Where an organisation stands: its plan, its period and what of it is used. Read once a call, however many requirements ask.
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

/// How much of a meter is used, and how much is held for work under way.
package struct Level: Sendable, Hashable {
    package var used: Int64 = 0
    package var held: Int64 = 0
}

extension Level {
    /// What is left of a limit; −1 where there is none.
    func remaining(of limit: Limit) -> Int64 { limit == .unlimited ? -1 : max(0, limit.value - used - held) }
}

extension PlanCatalog {
    /// - Returns: nil for an organisation that nothing is open to now.
    func standing(of organisation: ID<Organisation>, in transaction: Transaction) throws -> EntitlementSnapshot? {
        guard let subscription = try transaction.subscription(of: organisation),
            let (plan, period) = holding(subscription, at: transaction.now)
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
