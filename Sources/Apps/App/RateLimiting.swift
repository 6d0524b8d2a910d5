import Entitlements
import Foundation
import HTTPTypes
import Identity
import MessagingRedis
import Modules
import Rates
import Secrets

/// The rate limiter of the process, and the rate limits that the wiring adds to routes.
struct RateLimiting: Sendable {
    let limiter: RateLimiter
    /// Nil without `REDIS_URL`.
    let redis: RedisClient?
    let shared: RedisRateStore?
    private let anonymousRates: Rates
    private let authenticationRates: Rates
    private let pseudonym: @Sendable (String) -> String

    /// - Parameters:
    ///   - secret: of the installation; account names are stored as message authentication codes under it.
    ///   - clock: of a test; nil uses the monotonic clock of the machine.
    /// - Throws: `RedisAddress.Fault` for a `REDIS_URL` that is not one.
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
            // Every request waits for this command: after 500 ms the local share of the rate decides.
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
        anonymousRates = Rates(.perMinute(Int64(configuration.anonymousRequests)))
        let window = configuration.authenticationWindow
        authenticationRates =
            Rate(Int64(configuration.authenticationRequests), per: window).map { Rates($0) } ?? Rates(.perMinute(1))
        pseudonym = { name in
            Hex.encode(
                Array(MessageAuthentication.code(Array("account \(name)".utf8), key: Array(secret.utf8)).prefix(16)))
        }
    }

    /// Public endpoints of `/v1/auth/` that take tokens of 128 bits or more, which no number of attempts finds. Many
    /// clients behind one address use them, so they have the rate of other public endpoints.
    private static let tokenEndpoints: Set = ["/v1/auth/refresh", "/v1/auth/verify-token"]

    /// Requests a minute of one network for the API documentation, and for `/ready`, which operators poll. They do not
    /// count as those of visitors: behind a proxy that is not trusted, all visitors are one network.
    private static let documentRates = Rates(.perMinute(120))

    /// Requests a minute of one network for Socket.IO: by polling, a client sends one or two for each event.
    private static let socketRates = Rates(.perMinute(1_200))

    /// Requests a minute of one network for signed calls of other services. Stripe sends all of its events from some
    /// addresses, hundreds a second after an outage of this service.
    private static let webhookRates = Rates(.perMinute(60_000))
    private static let webhookPaths: Set = ["/v1/webhooks/stripe", "/v1/webhooks/upi"]

    /// Forms of one network that need no account: each is read by a person.
    private static let submissionRates = Rates(.perMinute(5))

    /// Unsafe requests of one account, or of one network without one, to one endpoint, where no plan says otherwise.
    private static let writeRates = Rates(.perMinute(120))

    private static let take = RedisScript(RedisRateStore.Script.take.source)
    private static let countNodes = RedisScript(RedisRateStore.Script.countNodes.source)

    /// A route with the rate limits of its kind: every route is limited by network, endpoints that take passwords and
    /// codes by network and by account, endpoints that require an account by its plan.
    func limited(_ route: Route, _ identity: IdentityModule, _ entitlements: EntitlementsModule) -> Route {
        let isEnabled = limiter.isEnabled
        if Self.webhookPaths.contains(route.path) { return limited(route, "webhooks", Self.webhookRates) }
        if route.path == "/socket.io/" { return limited(route, "socket.io", Self.socketRates) }
        let route = route.guarded(
            by: NetworkRateLimit(limiter: limiter, rates: anonymousRates, readsCredentials: route.requiresAccount),
            isEnabled: isEnabled)
        guard !route.requiresAccount else {
            // A route may declare another rate class of the plan.
            guard !route.gate.contains(where: { $0.kind == .rate && $0.name.hasPrefix("plan-") }) else { return route }
            return limitedWrites(
                route.guarded(by: entitlements.rate(), isEnabled: isEnabled), planPolicy: entitlements.writePolicy)
        }
        if route.method == .post, route.path.hasPrefix("/v1/marketplace/") {
            return limited(limitedWrites(route), "submissions", Self.submissionRates)
        }
        guard route.method == .post, route.path.hasPrefix("/v1/auth/"), !Self.tokenEndpoints.contains(route.path) else {
            return limitedWrites(route)
        }
        return
            route
            .guarded(by: AuthenticationRateLimit(limiter: limiter, rates: authenticationRates), isEnabled: isEnabled)
            .guarded(by: accountLimit(identity), isEnabled: isEnabled)
    }

    /// A route with the rate of unsafe requests, where it is one for them.
    private func limitedWrites(_ route: Route, planPolicy: WriteRateLimit.PlanPolicy? = nil) -> Route {
        guard ![.get, .head, .options].contains(route.method) else { return route }
        return route.guarded(
            by: WriteRateLimit(limiter: limiter, rates: Self.writeRates, path: route.path, planPolicy: planPolicy),
            isEnabled: limiter.isEnabled)
    }

    /// An endpoint of the API documentation with its rate limit.
    func limitedDocument(_ route: Route) -> Route { limited(route, "documents") }

    /// `/ready` with its rate limit.
    func limitedReadiness(_ route: Route) -> Route { limited(route, "readiness") }

    private func limited(_ route: Route, _ name: String, _ rates: Rates = documentRates) -> Route {
        route.guarded(
            by: NetworkRateLimit(name, limiter: limiter, rates: rates, readsCredentials: false),
            isEnabled: limiter.isEnabled)
    }

    /// Takes a unit of the rate of sign-ins to an account, whichever of its names is used.
    /// - Returns: false where none is left.
    @Sendable func takeSignIn(to account: String) async -> Bool {
        await limiter.takeUnseen(of: RatePolicy("sign-in", authenticationRates), from: pseudonym("sign-in \(account)"))
    }

    private func accountLimit(_ identity: IdentityModule) -> AccountRateLimit {
        AccountRateLimit(
            limiter: limiter,
            rates: authenticationRates,
            namesAccount: { $0 is any NamesAccount.Type },
            accountName: { ($0 as? any NamesAccount)?.accountName },
            accountKey: { ($0 as? any NamesAccount)?.accountKey },
            pseudonym: pseudonym,
            isKnownDevice: { name, request async throws(Problem) in
                try await identity.knownDevices.isKnown(name, request)
            }
        )
    }
}
