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

    package var stage: GateStage { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: GateSummary { GateSummary(.rate, policy.name) }

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

/// Limits the doors at which passwords and codes are tried: by the network that tries, before anything of the body is read, and by the
/// account that the body names, wherever the tries come from.
package struct AuthenticationRateLimit: Middleware {
    let limiter: RateLimiter
    let network: RatePolicy
    let account: RatePolicy
    let pseudonym: @Sendable (String) -> String
    let isAtHome: AtHome

    /// Whether a call comes from where the owner of the account that it names was before.
    package typealias AtHome = @Sendable (_ accountName: String, _ call: Request) async throws(Problem) -> Bool

    /// - Parameters:
    ///   - pseudonym: what stands for the name of an account where rates are kept, so that no address is.
    ///   - isAtHome: is asked where the account's rate is used up. Whoever is at home passes: strangers who try an account from everywhere
    ///     must not keep its owner out.
    package init(
        limiter: RateLimiter, rates: Rates, pseudonym: @escaping @Sendable (String) -> String,
        isAtHome: @escaping AtHome
    ) {
        self.limiter = limiter
        self.isAtHome = isAtHome
        network = RatePolicy("authentication", rates)
        account = RatePolicy("account", rates)
        self.pseudonym = pseudonym
    }

    package var stage: GateStage { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: GateSummary { GateSummary(.rate, network.name) }

    package func check(_ call: Request) async throws(Problem) {
        try await limiter.take(of: network, from: call.network, for: call)
        call.context.set(
            AccountCheck { name async throws(Problem) in
                let plain = name.split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased()
                do throws(Problem) {
                    try await limiter.take(of: account, from: pseudonym(plain), for: call)
                } catch {
                    guard try await isAtHome(name, call) else { throw error }
                }
            }
        )
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
