package import Identity
package import Modules

/// Where an organisation stands: its plan, its period and what of it is used. Read once a call, however many requirements ask.
package struct Standing: Sendable {
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
