import Entitlements
import Foundation
import HTTPTypes
import Identity
import MessagingRedis
import Modules
import Rates
import Secrets

/// What keeps rates, and the guards that stand before doors because of them.
struct RateLimiting: Sendable {
    let limiter: RateLimiter
    /// Where a server is configured.
    let redis: RedisClient?
    let shared: RedisRateStore?
    private let visitorRates: Rates
    private let authenticationRates: Rates
    private let pseudonym: @Sendable (String) -> String

    /// - Parameters:
    ///   - secret: of the installation; names of accounts are kept as codes under it.
    ///   - clock: a test's; nil is the machine's, which nobody sets.
    /// - Throws: what is wrong with the address of Redis.
    init(
        _ configuration: Configuration, secret: String, metrics: Metrics, logger: Logger, runtime: Runtime,
        clock: (@Sendable () -> Instant)?
    ) throws {
        let uptime: @Sendable () -> Int64 = if let clock { { clock().microseconds } } else { LocalRateStore.uptime }
        let local = LocalRateStore(clock: uptime)
        if configuration.redisURL.isEmpty {
            (redis, shared) = (nil, nil)
        } else {
            var settings = RedisSettings(address: try RedisAddress(configuration.redisURL))
            settings.certificateAuthority = configuration.redisCertificateAuthority
            // A caller waits for this before anything else happens: better a share of the rate at once than the whole of it late.
            settings.commandTimeout = .milliseconds(500)
            settings.connectTimeout = .seconds(1)
            let client = RedisClient(settings)
            redis = client
            shared = RedisRateStore(local: local, metrics: metrics, logger: logger, runtime: runtime, clock: uptime) {
                script, keys, arguments in
                let own = script == .take ? Self.take : Self.countNodes
                let response = try await client.run(own, keys: keys, arguments: arguments)
                guard let numbers = response.array?.compactMap(\.integer) else { throw RedisError.unexpectedReply }
                return numbers
            }
        }
        limiter = RateLimiter(store: shared ?? local, metrics: metrics, isEnabled: configuration.limitsRates)
        visitorRates = Rates(.perMinute(Int64(configuration.visitorRequests)))
        let window = configuration.authenticationWindow
        authenticationRates =
            Rate(Int64(configuration.authenticationRequests), per: window).map { Rates($0) } ?? Rates(.perMinute(1))
        pseudonym = { name in
            Hex.encode(
                Array(MessageAuthentication.code(Array("account \(name)".utf8), key: Array(secret.utf8)).prefix(16)))
        }
    }

    /// Open doors at which there is nothing to guess: they are shown tokens, and a whole office behind one address, or a service that asks for
    /// its own callers, comes to them often. They are limited as other open doors are.
    private static let tokenDoors: Set = ["/v1/auth/refresh", "/v1/auth/verify-token"]

    private static let take = RedisScript(RedisRateStore.Script.take.source)
    private static let countNodes = RedisScript(RedisRateStore.Script.countNodes.source)

    /// A door with the guards that every one of its kind has: open ones are limited by network, those at which passwords and codes are tried
    /// also by account, and those that ask who comes by the caller's plan.
    func guarded(_ route: Route, _ identity: IdentityModule, _ entitlements: EntitlementsModule) -> Route {
        let isEnabled = limiter.isEnabled
        var route = route.guarded(
            by: NetworkRateLimit(limiter: limiter, rates: visitorRates, readsCredentials: !route.isPublic),
            isEnabled: isEnabled)
        if route.isPublic {
            guard route.method == .post, route.path.hasPrefix("/v1/auth/"), !Self.tokenDoors.contains(route.path) else {
                return route
            }
            let isAtHome: AuthenticationRateLimit.KnownDeviceCheck = { name, call async throws(Problem) in
                try await identity.knownDevices.isKnown(name, call)
            }
            let guardian = AuthenticationRateLimit(
                limiter: limiter, rates: authenticationRates, pseudonym: pseudonym, isKnownDevice: isAtHome)
            route = route.guarded(by: guardian, isEnabled: isEnabled)
        } else {
            // A door that limits a class of calls of its own has said how.
            guard !route.gate.contains(where: { $0.kind == .rate && $0.name.hasPrefix("plan-") }) else { return route }
            route = route.guarded(by: entitlements.rate(), isEnabled: isEnabled)
        }
        return route
    }
}
