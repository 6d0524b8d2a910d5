import Identity
import Modules

/// Answers whether the plan of an organisation allows something, for products that run elsewhere.
final class EntitlementCheckService: Sendable {
    private let entitlements: EntitlementService
    private let plans: PlanCatalog
    private let meters: MeterCatalog

    init(entitlements: EntitlementService, plans: PlanCatalog, meters: MeterCatalog) {
        self.entitlements = entitlements
        self.plans = plans
        self.meters = meters
    }

    /// Whether units of a meter are left, or the plan includes a feature. Nothing is taken, and the
    /// answer is at most a second old.
    /// - Throws: `validation-failed` for neither or both of meter and feature; `unknown-meter`; `not-a-member` for
    ///   another organisation.
    func check(_ check: EntitlementCheck, scope: Scope) async throws(Problem) -> EntitlementCheckResult {
        if let organisation = check.organisationId, organisation != scope.organisation { throw Problem(.notAMember) }
        guard (check.meter == nil) != (check.feature == nil) else {
            throw Problem.invalid("/meter", "or /feature is required, and not both")
        }
        let meter = try check.meter.map { name throws(Problem) in try meters.require(name) }
        guard let snapshot = try await entitlements.recentSnapshot(of: scope.organisation) else {
            return EntitlementCheckResult(check, snapshot: nil, level: nil, refusal: Problem(.noActiveSubscription))
        }
        guard let meter else {
            return EntitlementCheckResult(
                check, snapshot: snapshot, level: nil,
                refusal: snapshot.entitlement.refusal(of: feature(named: check.feature ?? "")))
        }
        let charge = Charge(meter: meter, units: check.units ?? 1, snapshot: snapshot)
        var level = snapshot.level(of: meter)
        if level.held > 0, !charge.limit.allows(level.used + level.held + charge.units) {
            level.held -= try await entitlements.unitsOfEndedLeases(in: charge.bucket)
        }
        let refusal = charge.limit.allows(level.used + level.held + charge.units) ? nil : charge.refusal(level)
        return EntitlementCheckResult(check, snapshot: snapshot, level: (charge.limit, level), refusal: refusal)
    }

    /// An unknown feature is refused like one that the plan does not include.
    private func feature(named name: String) -> Feature {
        plans.current.features.first { $0.name == name }
            ?? Feature(name, title: name.prefix(1).uppercased() + name.dropFirst().replacing("_", with: " "))
    }
}
