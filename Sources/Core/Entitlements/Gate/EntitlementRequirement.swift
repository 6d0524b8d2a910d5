import Modules

/// Requires an active subscription, as ``SubscriptionRequirement`` does, for work whose transaction takes units and so
/// checks the subscription again. The proof is the plan and the period.
struct EntitlementRequirement: Requirement {
    let entitlements: EntitlementService
    var phase: RequestPhase { .entitlement }
    var problems: [Problem.Kind] { [.noActiveSubscription] }
    var summary: RequirementSummary { RequirementSummary(.subscription) }

    func check(_ request: Request) async throws(Problem) -> Entitlement {
        try await entitlements.entitlement(for: request)
    }
}
