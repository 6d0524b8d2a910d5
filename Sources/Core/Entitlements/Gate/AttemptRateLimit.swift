package import Modules
import Rates

/// Limits attempts at codes that are worth something, by account and by network: neither many accounts of one network
/// nor many networks of one account find one.
package struct AttemptRateLimit: Middleware {
    private let limiter: RateLimiter
    private let byAccount: RatePolicy
    private let byNetwork: RatePolicy

    init(_ name: String, limiter: RateLimiter, byAccount: Rates, byNetwork: Rates) {
        self.limiter = limiter
        self.byAccount = RatePolicy(name, byAccount)
        self.byNetwork = RatePolicy("\(name)-network", byNetwork)
    }

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, byAccount.name) }

    package func check(_ request: Request) async throws(Problem) {
        guard limiter.isEnabled else { return }
        try await limiter.take(of: byNetwork, from: request.network, for: request)
        guard let account = request.context.accountName else { return }
        try await limiter.take(of: byAccount, from: account, for: request)
    }
}
