import HTTPTypes
package import Modules

/// Requires that units of a meter are left. Nothing is taken yet: the proof is spent in the transaction of the work,
/// which checks the limit again with a guarded statement.
package struct QuotaRequirement: Requirement {
    let meter: Meter
    let units: Int64
    let mode: QuotaMode
    let entitlements: EntitlementService
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription, .quotaExceeded] }
    package var summary: RequirementSummary {
        RequirementSummary(.quota, meter.name, qualifier: mode == .durable ? "" : "(\(mode.rawValue))")
    }

    package func check(_ request: Request) async throws(Problem) -> Charge {
        // What escrow blocks hold is not in the level, and their pools check nothing again.
        if mode == .durable, let charge = try await entitlements.knownCharge(meter, units: units, for: request) {
            return charge
        }
        let snapshot =
            mode == .durable
            ? try await entitlements.snapshot(for: request) : try await entitlements.currentSnapshot(for: request)
        let charge = Charge(meter: meter, units: units, mode: mode, snapshot: snapshot)
        let level = snapshot.level(of: meter)
        // The reserved units may be a block of this node.
        let taken = mode == .escrow ? level.used : level.used + level.held
        if charge.limit.allows(taken + units) {
            entitlements.set(level, of: charge.bucket)
            return charge
        }
        if mode == .durable, level.held > 0,
            charge.limit.allows(taken + units - (try await entitlements.unitsOfEndedLeases(in: charge.bucket)))
        {
            return charge
        }
        // A repeat of an admitted request passes, so that it gets its own response even where it took the last unit
        // itself.
        if let key = request.headers[.idempotencyKey],
            try await entitlements.isAdmitted(operation: charge.operation(key: key), of: charge.organisation)
        {
            return charge
        }
        throw charge.refusal(level, plans: entitlements.plans(including: charge))
    }
}
