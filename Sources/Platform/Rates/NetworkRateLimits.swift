package import Base
import HTTPTypes
package import Web

/// Limits calls without a credential by the network that they come from; a credential that turns out to be none counts like none.
package struct NetworkRateLimit: Middleware {
    let limiter: RateLimiter
    let policy: RatePolicy
    let readsCredentials: Bool

    /// - Parameter readsCredentials: whether the door looks at a credential at all; where it does not, one excuses nobody.
    package init(limiter: RateLimiter, rates: Rates, readsCredentials: Bool) {
        self.limiter = limiter
        self.readsCredentials = readsCredentials
        policy = RatePolicy("visitors", rates)
    }

    package var phase: RequestPhase { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func check(_ call: Request) async throws(Problem) {
        guard !readsCredentials || !call.bringsCredential else { return }
        try await limiter.take(of: policy, from: call.network, for: call)
    }

    /// Otherwise whoever sends a made-up token with each call would not be limited at all. Who has a good one passes, whatever others of the same
    /// network try.
    package func answer(to problem: Problem, of call: Request) async -> Problem {
        guard problem.kind.status == 401, readsCredentials, call.bringsCredential else { return problem }
        do throws(Problem) {
            try await limiter.take(of: policy, from: call.network, for: call)
            return problem
        } catch { return error }
    }
}

/// Limits attempts at the endpoints that take passwords and codes, by the network address of the client.
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

/// Limits attempts at one account, from all networks together. The body names the account.
package struct AccountRateLimit: BodyMiddleware {
    /// - Returns: the name of the account as the client sent it; nil where the body names none.
    package typealias AccountName = @Sendable (_ body: any Payload) -> String?
    /// Whether the request comes from a known device or network of the account that it names.
    package typealias IsKnownClient =
        @Sendable (_ accountName: String, _ request: Request) async throws(Problem) -> Bool

    let limiter: RateLimiter
    let policy: RatePolicy
    let namesAccount: @Sendable (any Payload.Type) -> Bool
    let accountName: AccountName
    let pseudonym: @Sendable (String) -> String
    let isKnownClient: IsKnownClient

    /// - Parameters:
    ///   - namesAccount: whether a type of body names an account.
    ///   - pseudonym: the subject of the rate for an account name, so that the store holds no e-mail address.
    ///   - isKnownClient: called where the rate of the account is used up. A known client passes, so that attempts from
    ///     elsewhere do not lock the owner out.
    package init(
        limiter: RateLimiter, rates: Rates,
        namesAccount: @escaping @Sendable (any Payload.Type) -> Bool,
        accountName: @escaping AccountName,
        pseudonym: @escaping @Sendable (String) -> String,
        isKnownClient: @escaping IsKnownClient
    ) {
        self.limiter = limiter
        self.namesAccount = namesAccount
        self.accountName = accountName
        self.pseudonym = pseudonym
        self.isKnownClient = isKnownClient
        policy = RatePolicy("account", rates)
    }

    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func applies(to body: any Payload.Type) -> Bool { namesAccount(body) }

    package func check(_ body: any Payload, of request: Request) async throws(Problem) {
        guard let name = accountName(body) else { return }
        let plain = name.split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased()
        do throws(Problem) {
            try await limiter.take(of: policy, from: pseudonym(plain), for: request)
        } catch {
            guard try await isKnownClient(name, request) else { throw error }
        }
    }
}

extension Request {
    /// Whether it says who sends it, rightly or not.
    var bringsCredential: Bool {
        headers.contains(.authorization) || headers.contains(.apiKey) || headers.contains(.cookie)
    }

    /// The network that it comes from, as far as one customer of a provider reaches; an address that is none, such as that of a Unix socket,
    /// stands for itself.
    var network: String { NetworkAddress(address).map { "\($0.network)" } ?? String(address.prefix(64)) }
}
