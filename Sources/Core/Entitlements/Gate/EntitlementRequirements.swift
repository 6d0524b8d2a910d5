import HTTPTypes
package import Identity
package import Modules

/// An active subscription. Its proof tells the plan.
package struct SubscriptionRequirement: Requirement {
    let entitlements: EntitlementsModule
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription] }
    package var summary: RequirementSummary { RequirementSummary(.subscription) }

    package func check(_ call: Request) async throws(Problem) -> EntitlementSnapshot {
        try await entitlements.standing(for: call)
    }
}

/// A plan that has a feature.
package struct FeatureRequirement: Requirement {
    let feature: Feature
    let entitlements: EntitlementsModule
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription, .featureNotAvailable] }
    package var summary: RequirementSummary { RequirementSummary(.feature, feature.name) }

    package func check(_ call: Request) async throws(Problem) -> Feature {
        let standing = try await entitlements.standing(for: call)
        if let refusal = standing.refusal(of: feature) { throw refusal }
        return feature
    }
}

extension EntitlementSnapshot {
    /// - Returns: nil where the plan includes the feature.
    func refusal(of feature: Feature) -> Problem? {
        guard !plan.includes(feature) else { return nil }
        return Problem(
            .featureNotAvailable,
            title: "\(feature.title) not available",
            detail: "The plan \(plan.name) does not include this. Change the plan to use it.",
            members: ["plan": .string(plan.name), "feature": .string(feature.name)]
        )
    }
}

/// Room for some units of a meter. Nothing is taken yet: the proof is spent in the transaction of the work, where the limit is
/// held against the counter once more, this time for good.
package struct QuotaRequirement: Requirement {
    let meter: Meter
    let units: Int64
    let mode: Admission
    let entitlements: EntitlementsModule
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription, .quotaExceeded] }
    package var summary: RequirementSummary { 
        RequirementSummary(.quota, meter.name, qualifier: mode == .durable ? "" : "(\(mode.rawValue))")
    }

    package func check(_ call: Request) async throws(Problem) -> Charge {
        let standing =
            mode == .advisory
            ? try await entitlements.recentStanding(for: call) : try await entitlements.standing(for: call)
        let charge = Charge(meter: meter, units: units, mode: mode, standing: standing)
        let level = standing.level(of: meter)
        // What is held may be a block of this very node.
        let taken = mode == .escrow ? level.used : level.used + level.held
        if charge.limit.allows(taken + units) { return charge }
        // A request that was admitted before is let through to its own answer, although it took the last unit itself.
        if let key = call.headers[.idempotencyKey],
            try await entitlements.knows(operation: charge.operation(key: key), of: charge.organisation)
        {
            return charge
        }
        throw charge.refusal(level)
    }
}

/// Proof that the plan has room for this work, made by the gate and spent by ``EntitlementsModule``, once, in the work's transaction.
package struct Charge: Sendable {
    package let meter: Meter
    package let units: Int64
    package let mode: Admission
    package let organisation: ID<Organisation>
    let limit: Limit
    let period: Period
    let planName: String

    init(meter: Meter, units: Int64, mode: Admission = .durable, standing: EntitlementSnapshot) {
        self.meter = meter
        self.units = units
        self.mode = mode
        organisation = standing.organisation
        limit = standing.plan.limit(of: meter)
        period = standing.period
        planName = standing.plan.name
    }

    /// The name of an operation that its client gave the key `key`.
    package func operation(key: String) -> String { "\(meter.name):\(key)" }

    func refusal(_ level: Level) -> Problem {
        let left = max(0, limit.value - level.used - level.held)
        let room =
            left == 0
            ? "All \(limit.value) of this period are"
            : "This takes \(units), and all but \(left) of \(limit.value) in this period are"
        return Problem(
            .quotaExceeded,
            title: "\(meter.title) limit reached",
            detail: "\(room) used or promised to work under way. The next period begins at \(period.end).",
            members: [
                "plan": .string(planName), "limit": .integer(limit.value),
                "current_usage": .integer(level.used + level.held),
                "resets_at": .string(period.end.description),
            ]
        )
    }
}

extension Problem.Kind {
    package static let noActiveSubscription = Self("no-active-subscription", "No active subscription", status: 403)
    package static let featureNotAvailable = Self("feature-not-available", "Feature not available", status: 403)
    package static let quotaExceeded = Self("quota-exceeded", "Limit reached", status: 403)
    package static let storageExceeded = Self("storage-exceeded", "Storage limit reached", status: 403)
    package static let operationConflict = Self(
        "operation-conflict", "This idempotency key was used for another request", status: 409)
}
