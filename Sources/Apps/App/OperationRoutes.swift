import Billing
import HTTPTypes
import Identity
import MessagingRedis
package import Modules
import Secrets

/// The endpoints for operators: status, health, readiness and metrics.
struct OperationRoutes: Sendable {
    let configuration: Configuration
    let database: MonitoredDatabase
    let identity: IdentityModule
    let queue: JobQueue
    let events: ProviderEventService
    let metrics: Metrics
    let limits: RateLimiting
    let clock: ClockMonitor
    let shutdown: Shutdown
    let runtime: Runtime

    /// Encoded once.
    private static let health = Result { () throws(Problem) in try PreencodedResponse(Health(status: "ok")) }

    /// How long `/ready` and `/metrics` wait for the database.
    static let databaseWait = Duration.seconds(2)

    var routes: [Route] {
        [
            .get("/", "Status and version; for browsers a page with links", requires: .public, .prefersHTML) {
                _, prefersHTML -> Negotiated<Greeting> in
                guard !prefersHTML else {
                    return .html(HTMLPage(DocumentPage.home(documentGroups, version: gatehouseVersion)))
                }
                return .json(
                    Greeting(
                        status: "online", message: "Gatehouse: see /docs", version: gatehouseVersion,
                        timestamp: runtime.now()))
            },
            .get("/health", "Liveness of the process", requires: .public) { _ in try Self.health.get() },
            limits.limitedReadiness(
                .get(
                    "/ready", "Readiness of the database, its schema and the job queue", requires: .public,
                    OperatorCheck(configuration: configuration, member: identity.member), .header(.ifNoneMatch),
                    problems: [.notReady]
                ) { _, isOperator, known in
                    Revalidated(
                        try await readiness(withCounts: isOperator), ifNoneMatch: known,
                        cacheControl: isOperator ? "no-store" : "no-cache")
                }),
            .get(
                "/metrics", "Metrics in the text format of Prometheus",
                requires: MetricsToken(configuration: configuration)
            ) { _ in
                await metricsText()
            },
        ]
    }

    func metricsText() async -> PlainText {
        await measure()
        return PlainText(
            metrics.exposition + LibraryMetrics.shared.exposition,
            mediaType: "text/plain; version=0.0.4; charset=utf-8")
    }

    /// - Parameter withCounts: whether the response has the counts of jobs.
    private func readiness(withCounts: Bool) async throws(Problem) -> Readiness {
        guard !shutdown.hasBegun else {
            throw Problem(.notReady, detail: "The process is stopping.", headers: ["Retry-After": "5"])
        }
        let counts: JobCounts
        do {
            counts = try await readQueue()
            try database.checkFile()
        } catch {
            throw Problem(
                .notReady, detail: "The database does not answer, or its schema is older than this version.",
                headers: ["Retry-After": "5"], cause: error)
        }
        if let failure = database.writeFailure {
            throw Problem(
                .notReady, detail: "The database does not take writes.", headers: ["Retry-After": "5"], cause: failure)
        }
        let redis = await limits.redis.isReady
        return Readiness(
            status: redis == false || !clock.isRight ? "degraded" : "ready",
            database: database.dialect.name,
            jobsWaiting: withCounts ? counts.available : nil, jobsRunning: withCounts ? counts.leased : nil,
            jobsDead: withCounts ? counts.dead : nil,
            sandboxExpireMinutes: withCounts ? configuration.sandboxExpiryInterval.inMinutes : nil,
            sandboxCountMinutes: withCounts ? configuration.sandboxCountInterval.inMinutes : nil,
            experimentArchiveCron: withCounts ? configuration.experimentArchiveCron : nil,
            redis: redis.map { $0 ? "shared" : "away" },
            clockDifferenceSeconds: clock.isRight ? nil : Int(clock.difference.components.seconds))
    }

    /// Reads the queue's counts, and with them the database's clock.
    /// - Throws: also when the database does not answer in time.
    func readQueue() async throws -> JobCounts {
        try await Deadline.run(within: Self.databaseWait) { [database, queue, clock, runtime] in
            let before = runtime.now()
            let (counts, time) = try await database.read { (try queue.counts(in: $0), $0.now) }
            clock.note(time, between: before, and: runtime.now())
            return counts
        }
    }

    /// Needs no database: without one the counts of the queue stay as they were last read.
    private func measure() async {
        if let redis = limits.redis { metrics.set("gatehouse_redis_connected", to: redis.isConnected ? 1 : 0) }
        metrics.setDatabase(database.gauges)
        let counts = try? await readQueue()
        metrics.set("gatehouse_database_reachable", to: counts == nil ? 0 : 1)
        if let counts {
            metrics.set(counts)
            // One job is for all of them, so that the counts of jobs do not show them.
            let waiting = try? await Deadline.run(within: Self.databaseWait) { [database, events] in
                try await database.read { try events.waitingTime(in: $0) }
            }
            if let waiting {
                metrics.set("gatehouse_provider_events_oldest_waiting_seconds", to: waiting.inSeconds)
            }
        }
        metrics.set("gatehouse_clock_difference_seconds", to: clock.difference.inSeconds)
    }
}

/// The bearer token `METRICS_TOKEN`. Without one configured, every client passes, in production none.
struct MetricsToken: Requirement {
    let configuration: Configuration
    var phase: RequestPhase { .identity }
    var problems: [Problem.Kind] { [.metricsClosed] }
    var summary: RequirementSummary {
        RequirementSummary(.metricsToken, security: [SecurityRequirement(.metricsToken)])
    }

    func check(_ request: Request) throws(Problem) -> ClientInfo {
        let refusal = Problem(.metricsClosed, headers: ["WWW-Authenticate": "Bearer"])
        if let token = configuration.metricsToken {
            guard Self.isSent(token, in: request) else { throw refusal }
        } else if configuration.environment == .production {
            throw refusal
        }
        return PublicEndpoint().check(request)
    }

    static func isSent(_ token: String, in request: Request) -> Bool {
        request.bearerToken.map { constantTimeEquals($0.utf8, token.utf8) } ?? false
    }
}

/// Whether the caller is an administrator or sends `METRICS_TOKEN`. It refuses no request.
struct OperatorCheck: Requirement {
    let configuration: Configuration
    let member: Member
    var phase: RequestPhase { .identity }
    var problems: [Problem.Kind] { [] }
    var summary: RequirementSummary { RequirementSummary(.operatorCheck, isRequired: false) }

    func check(_ request: Request) async -> Bool {
        if let token = configuration.metricsToken, MetricsToken.isSent(token, in: request) { return true }
        return (try? await member.scope(of: request))?.role == .admin
    }
}

extension RequirementSummary.Kind {
    package static let metricsToken = Self("metrics-token")
    /// Whether the caller is an operator; other callers get less.
    package static let operatorCheck = Self("operator")
}

extension SecurityScheme {
    fileprivate static let metricsToken = bearer("metricsToken", "The token of the setting METRICS_TOKEN.")
}

struct Greeting: Payload {
    var status: String
    var message: String
    var version: String
    var timestamp: Instant
}

struct Health: Payload {
    var status: String
}

struct Readiness: Payload {
    var status: String
    var database: String
    /// The counts are for administrators and `METRICS_TOKEN`; absent for others.
    var jobsWaiting: Int?
    var jobsRunning: Int?
    var jobsDead: Int?
    /// The intervals of the jobs of Sandbox, for administrators and `METRICS_TOKEN`.
    var sandboxExpireMinutes: Int64?
    var sandboxCountMinutes: Int64?
    var experimentArchiveCron: String?
    /// `shared` or `away`; absent without `REDIS_URL`. While Redis is away, each node applies its share of the rates.
    var redis: String?
    /// This node's clock minus the database's; absent up to 30 seconds. Beyond 120 the node issues no tokens.
    var clockDifferenceSeconds: Int?
}

extension Duration {
    fileprivate var inMinutes: Int64 { components.seconds / 60 }
}

extension Optional where Wrapped == RedisClient {
    /// Whether Redis answers; nil where none is configured.
    fileprivate var isReady: Bool? {
        get async {
            guard let self else { return nil }
            return (try? await self.send("PING", isIdempotent: true)) == .simple("PONG")
        }
    }
}

extension Problem.Kind {
    static let notReady = Self("not-ready", "The service is not ready", status: 503)
    static let metricsClosed = Self("metrics-closed", "The metrics ask for their token", status: 401)
}
