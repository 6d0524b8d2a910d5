package import Base
package import Web

/// Limits the routes at which passwords and codes are checked: by the network of the client, before the body is read,
/// and by the account that the body names, from all networks together.
package struct AuthenticationRateLimit: Middleware {
    let limiter: RateLimiter
    let network: RatePolicy
    let account: RatePolicy
    let pseudonym: @Sendable (String) -> String
    let isKnownDevice: KnownDeviceCheck

    /// Whether a request comes from a known device of the owner of the account that it names.
    package typealias KnownDeviceCheck =
        @Sendable (_ accountName: String, _ request: Request) async throws(Problem) -> Bool

    /// - Parameters:
    ///   - pseudonym: replaces the name of an account in the keys of the store, so that no e-mail address is stored.
    ///   - isKnownDevice: is called where the account's rate is exceeded. A known device is allowed: attempts from
    ///     other networks must not lock out the owner of the account.
    package init(
        limiter: RateLimiter, rates: Rates, pseudonym: @escaping @Sendable (String) -> String,
        isKnownDevice: @escaping KnownDeviceCheck
    ) {
        self.limiter = limiter
        self.isKnownDevice = isKnownDevice
        network = RatePolicy("authentication", rates)
        account = RatePolicy("account", rates)
        self.pseudonym = pseudonym
    }

    package var stage: GateStage { .network }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: GateSummary { GateSummary(.rate, network.name) }

    package func check(_ request: Request) async throws(Problem) {
        try await limiter.take(of: network, from: request.network, for: request)
        request.context.set(
            AccountCheck { name async throws(Problem) in
                let plain = name.split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased()
                do throws(Problem) {
                    try await limiter.take(of: account, from: pseudonym(plain), for: request)
                } catch {
                    guard try await isKnownDevice(name, request) else { throw error }
                }
            }
        )
    }
}
