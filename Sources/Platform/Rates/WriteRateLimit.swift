package import Base
package import Web

/// Limits unsafe requests (RFC 9110, section 9.2.1) by endpoint and account, at public endpoints by network.
package struct WriteRateLimit: Middleware {
    let limiter: RateLimiter
    let policy: RatePolicy
    let path: String

    /// - Parameter path: of the route, with its `{names}`: requests to all resources of an endpoint count together.
    package init(limiter: RateLimiter, rates: Rates, path: String) {
        self.limiter = limiter
        self.path = path
        policy = RatePolicy("writes", rates)
    }

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ request: Request) async throws(Problem) {
        let caller = request.context.accountName ?? request.network
        try await limiter.take(of: policy, from: "\(caller) \(path)", for: request)
    }
}
