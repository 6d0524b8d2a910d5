package import Audit
package import Entitlements
import Files
import Foundation
package import Identity
import Ledger
import Mail
import MessagingRedis
package import Modules
import Secrets
import ServiceLifecycle
import StoragePostgres
import StorageSQLite
import Training

/// The whole system, wired: what the commands, the tests and the tour run.
package struct App: Sendable {
    package let configuration: Configuration
    package let database: any Database
    package let audit: AuditModule
    package let identity: IdentityModule
    /// Everything that is kept about people, wherever it lies.
    package let personalDataTables: [PersonalDataTable]
    package let entitlements: EntitlementsModule
    package let queue: JobQueue
    package let runner: JobRunner
    package let metrics: Metrics
    package let logger: Logger
    package let dispatcher: RequestDispatcher
    let limits: RateLimiting
    package var routes: [Route] { dispatcher.routes }

    /// Lets go of the database and of Redis. Nothing may be asked of the system afterwards.
    package func close() async {
        await limits.redis?.close()
        await database.close()
    }
}

/// What a test brings of its own instead of the machine's.
package struct AppDependencies: Sendable {
    package var runtime: Runtime
    /// Nil leaves a database its own clock.
    package var clock: (@Sendable () -> Instant)?
    package var logOutput: LogOutput
    /// Stands between the system and its database: for tests that make statements fail.
    package var databaseWrapper: @Sendable (any Database) -> any Database
    /// In place of the one that the configuration says: for measurements.
    package var passwords: PasswordHasher?

    package init(
        runtime: Runtime = .system,
        clock: (@Sendable () -> Instant)? = nil,
        logOutput: LogOutput = .standard,
        databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 }
    ) {
        self.runtime = runtime
        self.clock = clock
        self.logOutput = logOutput
        self.databaseWrapper = databaseWrapper
    }
}

/// Builds the system. This function is the table of contents: it reads from the ground up.
/// - Throws: ``ConfigurationFaults``, ``PlanSetFaults``, or what keeps the database from being opened.
package func buildApp(_ configuration: Configuration, in dependencies: AppDependencies = AppDependencies()) async throws
    -> App
{
    let runtime = dependencies.runtime
    let logger = makeLogger(configuration, dependencies)
    let metrics = Metrics()
    // Before any library makes a metric: swift-metrics discards those made without a backend.
    _ = LibraryMetrics.shared

    // Storage
    let folder = try DataFolder(configuration.dataFolder)
    let secret =
        configuration.secretKey.isEmpty ? try folder.secret("secret", runtime: runtime) : configuration.secretKey
    let sealer = Sealer(secret: configuration.encryptionKey.isEmpty ? secret : configuration.encryptionKey)
    let database = dependencies.databaseWrapper(try openDatabase(configuration, dependencies))
    try await Migrator(allMigrations).run(on: database)
    let files = try FileStore(root: "\(configuration.dataFolder)/files")

    // Core
    let queue = JobQueue(runtime: runtime)
    let audit = AuditModule(database: database, sealer: sealer, logger: logger, runtime: runtime)
    let mailer = Mailer(queue: queue, sealer: sealer, runtime: runtime)
    let delivery = try makeDelivery(configuration, database: database, mailer: mailer)
    let identity = try await IdentityModule(
        database: database,
        audit: audit,
        mailer: mailer,
        sealer: sealer,
        settings: try identitySettings(configuration, folder, runtime),
        passwords: dependencies.passwords,
        logger: logger,
        runtime: runtime
    )
    let offers = Offers(meters: TrainingModule.meters, features: TrainingModule.features)
    let file = try readPlans(configuration, offers)
    let limits = try RateLimiting(
        configuration, secret: secret, metrics: metrics, logger: logger, runtime: runtime, clock: dependencies.clock)
    let entitlements = EntitlementsModule(
        database: database,
        identity: identity,
        plans: try await PlanCatalog(
            database: database, file: file, offers: offers, audit: audit.service, logger: logger),
        meters: TrainingModule.meters,
        audit: audit.service,
        ledger: LedgerService(runtime: runtime),
        mailer: mailer,
        limiter: limits.limiter,
        runtime: runtime
    )

    // Products
    let training = TrainingModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit.service,
        queue: queue,
        files: files,
        runtime: runtime
    )

    // What is people's own to take away, wherever it lies: from the ground up
    let privacy = PrivacyModule(
        identity: identity,
        providers: [identity.personalData, entitlements, training],
        files: files,
        queue: queue,
        mailer: mailer,
        sealer: sealer,
        audit: audit.service,
        address: address(configuration),
        runtime: runtime
    )

    // Doors and work
    let modules: [any Module] = [audit, identity, privacy, entitlements, training]
    let runner = JobRunner(
        database: database,
        workers: modules.flatMap(\.workers) + delivery.workers,
        schedules: modules.flatMap(\.schedules) + delivery.schedules,
        queue: queue,
        metrics: metrics,
        logger: logger,
        runtime: runtime,
        settings: JobRunner.Settings(
            slots: max(1, configuration.jobSlots), lease: configuration.jobLease, heartbeat: configuration.jobLease / 3)
    )
    let operations = OperationRoutes(
        configuration: configuration, database: database, queue: queue, metrics: metrics, limits: limits,
        runtime: runtime)
    let gated = operations.routes + modules.flatMap(\.routes).map { limits.limited($0, identity, entitlements) }
    let routes = entitlements.withExplanation(of: gated) { limits.limited($0, identity, entitlements) }
    let dispatcher = RequestDispatcher(
        routes: routes
            + DocumentRoutes.routes(
                describing: routes, groups: documentGroups, version: gatehouseVersion),
        corsOrigins: configuration.corsOrigins,
        proxies: TrustedProxies(configuration.trustedProxies) ?? .none,
        metrics: metrics,
        logger: logger,
        runtime: runtime
    )
    // Only now everybody is there who may be asked what became of work.
    try await entitlements.recovery.recover()
    return App(
        configuration: configuration,
        database: database,
        audit: audit,
        identity: identity,
        personalDataTables: privacy.personalDataTables,
        entitlements: entitlements,
        queue: queue,
        runner: runner,
        metrics: metrics,
        logger: logger,
        dispatcher: dispatcher,
        limits: limits
    )
}

/// The schema's whole history, in the order in which modules build on one another.
package let allMigrations: [Migration] =
    JobsSchema.migrations + MailSchema.migrations + AuditModule.migrations + IdentityModule.migrations
    + PrivacyModule.migrations
    + LedgerSchema.migrations + EntitlementsModule.migrations + TrainingModule.migrations

/// What holds of all counts at every moment, in the order in which modules build on one another.
package let allInvariants: [Invariant] =
    LedgerInvariants.all + EntitlementsModule.invariants + TrainingModule.invariants

package let gatehouseVersion = "0.1.0"

/// Opens the database that the configuration names, without changing its schema.
package func openDatabase(_ configuration: Configuration, _ dependencies: AppDependencies = AppDependencies()) throws
    -> any Database
{
    if configuration.databaseURL.hasPrefix("sqlite:") {
        let path = String(configuration.databaseURL.dropFirst("sqlite:".count))
        return try SQLiteDatabase(path: path, readers: 4, clock: dependencies.clock ?? dependencies.runtime.now)
    }
    return try PostgresDatabase(
        url: configuration.databaseURL,
        poolSize: configuration.poolSize,
        overflow: configuration.poolOverflow,
        acquireTimeout: configuration.poolTimeout,
        clock: dependencies.clock
    )
}

private func makeLogger(_ configuration: Configuration, _ dependencies: AppDependencies) -> Logger {
    Logger(label: "gatehouse") { label in
        LineLogHandler(
            label: label, format: configuration.logFormat, level: configuration.logLevel, output: dependencies.logOutput
        )
    }
}

private func makeDelivery(
    _ configuration: Configuration, database: any Database, mailer: Mailer
) throws -> MailDeliveryService {
    let sender = Sender(
        name: configuration.fromName, mailbox: try Mailbox(configuration.fromEmail ?? "gatehouse@localhost"))
    return try MailDeliveryService(
        database: database, mailer: mailer, sender: sender, transport: mailTransport(configuration, sender))
}

private func mailTransport(_ configuration: Configuration, _ sender: Sender) -> MailTransport {
    guard let host = configuration.smtpHost else {
        return configuration.environment == .production ? .unconfigured : .folder("\(configuration.dataFolder)/mail")
    }
    return .server(
        SMTPServer(
            host: host,
            port: configuration.smtpPort,
            security: configuration.smtpSecurity,
            user: configuration.smtpUser,
            password: configuration.smtpPassword,
            caFile: configuration.smtpCAFile,
            name: sender.mailbox.domain
        )
    )
}

/// The address under which clients reach this service.
private func address(_ configuration: Configuration) -> String {
    configuration.baseURL.isEmpty ? "http://localhost:\(configuration.port)" : configuration.baseURL
}

private func identitySettings(_ configuration: Configuration, _ folder: DataFolder, _ runtime: Runtime) throws
    -> IdentitySettings
{
    let pages = [configuration.baseURL, configuration.frontendURL].filter { !$0.isEmpty }
    let needsSecret = configuration.jwtAlgorithm == .hs256 && configuration.jwtSecret.isEmpty
    let secret = try needsSecret ? folder.secret("jwt", runtime: runtime) : configuration.jwtSecret
    return IdentitySettings(
        issuer: address(configuration),
        accessTokenLifetime: configuration.accessTokenLifetime,
        bcryptCost: configuration.bcryptRounds,
        hashingThreads: max(1, ProcessInfo.processInfo.activeProcessorCount / 2),
        passwordMinimumLength: configuration.passwordMinimumLength,
        origins: configuration.corsOrigins + configuration.ownOrigins,
        frontend: pages.last,
        lockout: configuration.lockout,
        authenticatorWindow: configuration.authenticatorWindow,
        signingAlgorithm: configuration.jwtAlgorithm,
        signingSecret: secret,
        signingKeyLifetime: configuration.keyRotationDays == 0 ? nil : .days(Int64(configuration.keyRotationDays)),
        keyEnvironment: configuration.environment.keyWord
    )
}

extension Configuration {
    /// What browsers call the places that this service's own pages come from (RFC 6454).
    fileprivate var ownOrigins: [String] {
        let pages = [baseURL, frontendURL].filter { !$0.isEmpty }
        guard !pages.isEmpty else { return ["http://localhost:\(port)", "http://127.0.0.1:\(port)"] }
        return pages.compactMap { page in
            // Without the path: an origin has none.
            guard let parts = URLComponents(string: page), let scheme = parts.scheme, let host = parts.host else {
                return nil
            }
            return "\(scheme)://\(host)".lowercased() + (parts.port.map { ":\($0)" } ?? "")
        }
    }
}

extension Configuration.Environment {
    /// What API keys of such an installation say they are for.
    fileprivate var keyWord: String {
        switch self {
        case .development: "dev"
        case .test: "test"
        case .production: "live"
        }
    }
}

private func readPlans(_ configuration: Configuration, _ offers: Offers) throws -> PlanSet {
    let yaml = try configuration.plansFile.map { try String(contentsOfFile: $0, encoding: .utf8) } ?? PlanSet.builtIn
    return try PlanSet(yaml: yaml, offers: offers)
}
