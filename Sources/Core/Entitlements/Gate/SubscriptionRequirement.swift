package import Modules

/// Requires an active subscription. The proof is the snapshot of plan, period and usage, which for GET and HEAD is at
/// most a second old.
package struct SubscriptionRequirement: Requirement {
    let entitlements: EntitlementService
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription] }
    package var summary: RequirementSummary { RequirementSummary(.subscription) }

    package func check(_ request: Request) async throws(Problem) -> EntitlementSnapshot {
        try await entitlements.snapshot(for: request)
    }
}

extension Problem.Kind {
    package static let noActiveSubscription = Self("no-active-subscription", "No active subscription", status: 403)
}
