package import Base
import HTTPTypes
package import Web

/// Limits requests without a credential by their network. A request with an invalid credential counts as one without.
package struct NetworkRateLimit: Middleware {
    let limiter: RateLimiter
    let policy: RatePolicy
    let readsCredentials: Bool

    /// - Parameters:
    ///   - name: limits with the same name and rates count together.
    ///   - readsCredentials: whether the route authenticates; where it does not, a credential exempts no request.
    package init(_ name: String = "visitors", limiter: RateLimiter, rates: Rates, readsCredentials: Bool) {
        self.limiter = limiter
        self.readsCredentials = readsCredentials
        policy = RatePolicy(name, rates)
    }

    package var phase: RequestPhase { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ request: Request) async throws(Problem) {
        guard !readsCredentials || !request.hasCredential else { return }
        try await limiter.take(of: policy, from: request.network, for: request)
    }

    /// Takes a unit for a credential that was refused with 401; otherwise requests with made-up tokens would not be
    /// limited at all. A valid credential passes, whatever other requests of the same network did.
    package func answer(to problem: Problem, of request: Request) async -> Problem {
        guard problem.kind.status == 401, readsCredentials, request.hasCredential else { return problem }
        do throws(Problem) {
            try await limiter.take(of: policy, from: request.network, for: request)
            return problem
        } catch { return error }
    }
}

extension Request {
    /// Whether it carries a credential, valid or not.
    fileprivate var hasCredential: Bool {
        headers.contains(.authorization) || headers.contains(.apiKey) || headers.contains(.cookie)
    }

    /// The network of the client's address, as large as one customer of a provider has. A text that is no IP address,
    /// such as that of a Unix socket, stands for itself.
    package var network: String { NetworkAddress(address).map { "\($0.network)" } ?? String(address.prefix(64)) }
}
