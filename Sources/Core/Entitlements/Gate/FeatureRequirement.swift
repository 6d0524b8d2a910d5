package import Modules

/// Requires a plan that includes a feature.
package struct FeatureRequirement: Requirement {
    let feature: Feature
    let entitlements: EntitlementService
    package var phase: RequestPhase { .entitlement }
    package var problems: [Problem.Kind] { [.noActiveSubscription, .featureNotAvailable] }
    package var summary: RequirementSummary { RequirementSummary(.feature, feature.name) }

    package func check(_ request: Request) async throws(Problem) -> Feature {
        let entitlement = try await entitlements.recentEntitlement(for: request)
        if let refusal = entitlement.refusal(of: feature) { throw refusal }
        return feature
    }
}

extension Entitlement {
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

extension Problem.Kind {
    package static let featureNotAvailable = Self("feature-not-available", "Feature not available", status: 403)
}
