package import Base
package import Web

/// Limits unsafe requests (RFC 9110, section 9.2.1) by endpoint and account, at public endpoints by network.
package struct WriteRateLimit: Middleware {
    /// The policy of the caller's plan, with the name ``name``; nil where the plan lists none.
    package typealias PlanPolicy = @Sendable (_ request: Request) async throws(Problem) -> RatePolicy?

    /// The name of the limit in header fields and metrics.
    package static let name = "writes"

    let limiter: RateLimiter
    let policy: RatePolicy
    let planPolicy: PlanPolicy?
    let path: String

    /// - Parameters:
    ///   - rates: where the caller's plan lists none.
    ///   - path: of the route, with its `{names}`: requests to all resources of an endpoint count together.
    ///   - planPolicy: nil at public endpoints.
    package init(limiter: RateLimiter, rates: Rates, path: String, planPolicy: PlanPolicy? = nil) {
        self.limiter = limiter
        self.path = path
        self.planPolicy = planPolicy
        policy = RatePolicy(Self.name, rates)
    }

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ request: Request) async throws(Problem) {
        guard limiter.isEnabled else { return }
        let caller = request.context.accountName ?? request.network
        try await limiter.take(
            of: try await planPolicy?(request) ?? policy, from: "\(caller) \(path)", for: request)
    }
}
