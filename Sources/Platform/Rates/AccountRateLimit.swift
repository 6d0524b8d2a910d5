package import Base
package import Web

/// Limits attempts at one account, from all networks together. The body of the request names the account.
package struct AccountRateLimit: BodyMiddleware {
    /// Whether a request comes from a known device of the owner of the account that it names.
    package typealias KnownDeviceCheck =
        @Sendable (_ accountName: String, _ request: Request) async throws(Problem) -> Bool

    let limiter: RateLimiter
    let policy: RatePolicy
    let namesAccount: @Sendable (any Payload.Type) -> Bool
    let accountName: @Sendable (any Payload) -> String?
    let accountKey: @Sendable (any Payload) -> String?
    let pseudonym: @Sendable (String) -> String
    let isKnownDevice: KnownDeviceCheck

    /// - Parameters:
    ///   - namesAccount: whether a type of body names an account.
    ///   - accountName: the name of the account as the client sent it; nil where the body names none.
    ///   - accountKey: the same for every spelling of the name of one account.
    ///   - pseudonym: replaces the key of an account in the keys of the store, so that no e-mail address is stored.
    ///   - isKnownDevice: is called where the account's rate is exceeded. A known device is allowed: attempts from
    ///     other networks must not lock out the owner of the account.
    package init(
        limiter: RateLimiter, rates: Rates,
        namesAccount: @escaping @Sendable (any Payload.Type) -> Bool,
        accountName: @escaping @Sendable (any Payload) -> String?,
        accountKey: @escaping @Sendable (any Payload) -> String?,
        pseudonym: @escaping @Sendable (String) -> String,
        isKnownDevice: @escaping KnownDeviceCheck
    ) {
        self.limiter = limiter
        self.namesAccount = namesAccount
        self.accountName = accountName
        self.accountKey = accountKey
        self.pseudonym = pseudonym
        self.isKnownDevice = isKnownDevice
        policy = RatePolicy("account", rates)
    }

    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary { RequirementSummary(.rate, policy.name) }

    package func applies(to body: any Payload.Type) -> Bool { namesAccount(body) }

    package func check(_ body: any Payload, of request: Request) async throws(Problem) {
        guard let name = accountName(body), let key = accountKey(body) else { return }
        do throws(Problem) {
            try await limiter.take(of: policy, from: pseudonym(key), for: request)
        } catch {
            guard try await isKnownDevice(name, request) else { throw error }
        }
    }
}
