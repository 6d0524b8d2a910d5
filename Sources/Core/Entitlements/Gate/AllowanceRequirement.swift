package import Modules

/// The units of a meter that work of a product without plans may take.
package enum QuotaAllowance: Sendable {
    /// Those of a plan that lists the meter.
    case charge(Charge)
    /// Those of the entry `default` of the file of plans, a month: the product counts them.
    case allowance(Limit)
}

/// Requires that a unit of a meter is left, for work of a product without plans: an organisation without a plan, or
/// whose plan does not list the meter, has the default allowance.
package struct AllowanceRequirement: Requirement {
    let quota: QuotaRequirement

    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { quota.problems }
    package var summary: RequirementSummary { RequirementSummary(.allowance, quota.meter.name) }

    package func check(_ request: Request) async throws(Problem) -> QuotaAllowance {
        let plan = try await quota.entitlements.snapshotIfSubscribed(for: request)?.plan
        guard let plan, plan.limits[quota.meter.name] != nil else {
            return .allowance(quota.entitlements.allowance.limit(of: quota.meter))
        }
        return .charge(try await quota.check(request))
    }
}
