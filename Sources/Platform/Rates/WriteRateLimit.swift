package import Base
package import Web

/// Limits unsafe requests (RFC 9110, section 9.2.1) by endpoint and account, at public endpoints by network.
package struct WriteRateLimit: Middleware {
    /// The rates of the caller's plan; nil where it lists none.
    package typealias PlanRates = @Sendable (_ request: Request) async throws(Problem) -> Rates?

    let limiter: RateLimiter
    let policy: RatePolicy
    let planRates: PlanRates?
    let path: String

    /// - Parameters:
    ///   - rates: where the caller's plan lists none.
    ///   - path: of the route, with its `{names}`: requests to all resources of an endpoint count together.
    ///   - planRates: nil at public endpoints.
    package init(limiter: RateLimiter, rates: Rates, path: String, planRates: PlanRates? = nil) {
        self.limiter = limiter
        self.path = path
        self.planRates = planRates
        policy = RatePolicy("writes", rates)
    }

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ request: Request) async throws(Problem) {
        guard limiter.isEnabled else { return }
        let caller = request.context.accountName ?? request.network
        let rates = try await planRates?(request)
        try await limiter.take(
            of: rates.map { RatePolicy(policy.name, $0) } ?? policy, from: "\(caller) \(path)", for: request)
    }
}
