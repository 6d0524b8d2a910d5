package import Modules
import Rates

/// Limits requests by the rates of the caller's plan for a class of requests, or by rates of the route that are the
/// same for every organisation.
package struct RateRequirement: Middleware {
    enum Source {
        case plan(RateClass)
        case route(RatePolicy)
    }

    let source: Source
    let cost: Int64
    let rates: PlanRateService

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary {
        switch source {
        case .plan(let rateClass): RequirementSummary(.rate, "plan-\(rateClass.name)")
        case .route(let policy): RequirementSummary(.rate, policy.name)
        }
    }

    package func check(_ request: Request) async throws(Problem) {
        try await rates.take(cost, of: source, for: request)
    }
}
