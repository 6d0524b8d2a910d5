package import Base
package import Web

/// Limits the routes at which passwords and codes are checked, by the network of the client.
package struct AuthenticationRateLimit: Middleware {
    let limiter: RateLimiter
    let policy: RatePolicy

    package init(limiter: RateLimiter, rates: Rates) {
        self.limiter = limiter
        policy = RatePolicy("authentication", rates)
    }

    package var phase: RequestPhase { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ request: Request) async throws(Problem) {
        try await limiter.take(of: policy, from: request.network, for: request)
    }
}
