import AWS
import Assistant
package import Audit
package import Billing
import CommandSandbox
package import Entitlements
import Files
import Foundation
import GoalGraphs
package import Identity
import Ledger
import Mail
import Marketplace
import MessagingRedis
package import Modules
import Outbound
package import Realtime
import Sandbox
import Secrets
import ServiceLifecycle
import SpotDecisions
import StoragePostgres
import StorageSQLite
import Stripe
import Training
package import Webhooks
import Workflows

/// The wired system, which the commands, the tests and the tour run.
package struct App: Sendable {
    package let configuration: Configuration
    package let database: any Database
    package let audit: AuditModule
    package let identity: IdentityModule
    /// The tables and files of every module that hold personal data.
    package let personalDataTables: [PersonalDataTable]
    package let entitlements: EntitlementsModule
    package let webhooks: WebhookService
    package let realtime: RealtimeModule
    package let billing: BillingModule
    package let queue: JobQueue
    package let runner: JobRunner
    package let metrics: Metrics
    package let logger: Logger
    package let dispatcher: RequestDispatcher
    package let shutdown: Shutdown
    /// Nil without `OTEL_EXPORTER_OTLP_ENDPOINT`.
    package let traces: Traces?
    let monitor: DatabaseMonitor
    let limits: RateLimiting
    /// Nil without `REDIS_URL`.
    let topicSignals: RedisTopicSignals?
    /// Nil where this installation runs neither commands of workflows nor tool servers.
    let commands: CommandSandbox?
    /// Its answers end before the database closes.
    let assistant: AssistantModule
    let runtime: Runtime
    package var routes: [Route] { dispatcher.routes }

    /// Closes the connections to the database and to Redis. The system cannot be used afterwards.
    package func close() async {
        await limits.redis?.close()
        await database.close()
    }
}

/// Builds the system in the order of its layers: storage, core services, products, routes and jobs.
/// - Throws: ``ConfigurationFaults``, ``PlanSetFaults``, or an error of opening the database.
package func buildApp(_ configuration: Configuration, in dependencies: AppDependencies = AppDependencies()) async throws
    -> App
{
    let runtime = dependencies.runtime
    let recentLog = RecentLog()
    let logger = makeLogger(configuration, dependencies, recentLog)
    let metrics = Metrics()
    metrics.describeOperations()
    // Before any library makes a metric: swift-metrics discards those made without a backend.
    _ = LibraryMetrics.shared

    let traces = Traces(configuration, metrics: metrics, logger: logger, runtime: runtime)

    // Storage
    let folder = try DataFolder(configuration.dataFolder)
    let secret = try configuration.secret(in: folder, runtime: runtime)
    let encryption = try configuration.encryptionKeys(in: folder, runtime: runtime)
    let sealer = encryption.sealer
    let opened = dependencies.databaseWrapper(try openDatabase(configuration, dependencies))
    let database = MonitoredDatabase(
        traces.map { TracedDatabase(opened, tracer: $0.tracer) } ?? opened, now: runtime.now)
    try await Migrator(allMigrations + dependencies.laterMigrations).run(on: database)
    let clock = ClockMonitor(runtime: runtime, logger: logger)
    clock.use(database)
    let files = try FileStore(root: "\(configuration.dataFolder)/files")

    // Core
    let queue = JobQueue(runtime: runtime)
    let audit = AuditModule(
        database: database, sealer: sealer, checkpointFile: "\(folder.path)/audit-checkpoint.json", logger: logger,
        runtime: runtime)
    let mailer = Mailer(queue: queue, sealer: sealer, runtime: runtime)
    let delivery = try makeDelivery(configuration, database: database, mailer: mailer)
    let limits = try RateLimiting(
        configuration, secret: secret, metrics: metrics, logger: logger, runtime: runtime, clock: dependencies.clock)
    let identity = try await IdentityModule(
        database: database,
        audit: audit,
        mailer: mailer,
        sealer: sealer,
        settings: try identitySettings(configuration, folder, runtime, clock, limits),
        passwords: dependencies.passwords,
        logger: logger,
        runtime: runtime
    )
    // One client for all URLs that users name.
    let userURLs = UserURLClient(policy: try AddressPolicy(privateNetworks: configuration.outboundPrivateNetworks))
    let webhooks = WebhooksModule(
        database: database,
        identity: identity,
        eventTypes: EntitlementsModule.webhookEvents + BillingModule.webhookEvents + TrainingModule.webhookEvents,
        client: userURLs,
        allowsHTTP: configuration.environment != .production,
        audit: audit.service,
        mailer: mailer,
        sealer: sealer,
        queue: queue,
        runtime: runtime
    )
    let ledger = LedgerService(runtime: runtime)
    let offers = Offers(
        meters: TrainingModule.meters, features: TrainingModule.features,
        rateClasses: WorkflowsModule.rateClasses + AssistantModule.rateClasses)
    let file = try readPlans(configuration, offers)
    let entitlements = EntitlementsModule(
        database: database,
        identity: identity,
        plans: try await PlanCatalog(
            database: database, file: file, offers: offers, audit: audit.service, logger: logger),
        meters: TrainingModule.meters,
        audit: audit.service,
        ledger: ledger,
        webhooks: webhooks.service,
        mailer: mailer,
        sealer: sealer,
        limiter: limits.limiter,
        runtime: runtime
    )

    let realtime = RealtimeModule(
        database: database, identity: identity, subscriptionsPerCaller: configuration.subscriptionsPerCaller,
        logger: logger, runtime: runtime)
    let topicSignals = limits.redis.map {
        RedisTopicSignals(client: $0, realtime: realtime, logger: logger, runtime: runtime)
    }

    let billing = BillingModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit.service,
        ledger: ledger,
        webhooks: webhooks.service,
        mailer: mailer,
        queue: queue,
        stripe: stripeClient(configuration, dependencies, traces),
        settings: billingSettings(configuration),
        logger: logger,
        runtime: runtime
    )

    let jobSettings = JobRunner.Settings(
        slots: max(1, configuration.jobSlots), lease: configuration.jobLease, heartbeat: configuration.jobLease / 3,
        drain: max(.zero, configuration.shutdownTimeout - JobRunner.stoppingGrace - Configuration.shutdownReserve))

    // Products
    let training = TrainingModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit.service,
        realtime: realtime,
        webhooks: webhooks.service,
        queue: queue,
        files: files,
        // A thread for each slot: a run that has one never waits for the thread of another.
        runThreads: jobSettings.slots + jobSettings.shortSlots,
        runtime: runtime
    )
    let sandbox = SandboxModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit.service,
        realtime: realtime,
        queue: queue,
        files: files,
        aws: try awsClient(configuration, runtime),
        fernet: encryption.fernet,
        scorer: try dependencies.riskScorer ?? riskScorer(configuration),
        settings: sandboxSettings(configuration),
        logger: logger,
        runtime: runtime
    )

    let marketplace = MarketplaceModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        billing: billing,
        audit: audit.service,
        realtime: realtime,
        mailer: mailer,
        sealer: sealer,
        files: files,
        model: try configuration.modelSettings,
        commission: Commission(basisPoints: Int64((configuration.stripePlatformCommission * 10_000).rounded())),
        tracer: traces?.tracer,
        runtime: runtime
    )

    let commands = configuration.runsCommands ? CommandSandbox(program: dependencies.bubblewrap) : nil
    var assistantSettings = try configuration.assistantSettings
    assistantSettings.tracer = traces?.tracer
    let assistant = AssistantModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit.service,
        realtime: realtime,
        queue: queue,
        files: files,
        client: userURLs,
        limiter: limits.limiter,
        sealer: sealer,
        commands: configuration.toolServerFolder == nil ? nil : commands,
        settings: assistantSettings,
        metrics: metrics,
        logger: logger,
        runtime: runtime
    )
    var workflowSettings = WorkflowsSettings(
        budgetMax: MicroDollars(Int64(configuration.workflowBudgetCents) * 10_000),
        models: try configuration.workflowModels, modelPrices: configuration.workflowModelPrices,
        modelTimeout: configuration.workflowModelTimeout)
    workflowSettings.tracer = traces?.tracer
    let workflows = WorkflowsModule(
        database: database,
        identity: identity,
        entitlements: entitlements,
        audit: audit,
        realtime: realtime,
        mailer: mailer,
        queue: queue,
        files: files,
        client: userURLs,
        limiter: limits.limiter,
        sealer: sealer,
        address: address(configuration),
        modelPause: dependencies.providerPause ?? { try await Task.sleep(for: $0) },
        commands: configuration.runsWorkflowCommands ? commands : nil,
        servers: WorkflowToolServers(assistant.tools),
        settings: workflowSettings,
        runtime: runtime
    )

    // Export and erasure of personal data, in the order of the layers
    let privacy = PrivacyModule(
        identity: identity,
        providers: [
            identity.personalData, webhooks, entitlements, realtime, billing, training, sandbox, marketplace,
            workflows, assistant,
        ],
        files: files,
        queue: queue,
        mailer: mailer,
        sealer: sealer,
        audit: audit.service,
        address: address(configuration),
        runtime: runtime
    )

    // Routes and jobs
    let modules: [any Module] = [
        audit, identity, privacy, webhooks, entitlements, realtime, billing, training, sandbox, marketplace,
        workflows, assistant,
    ]
    let runner = JobRunner(
        database: database,
        workers: modules.flatMap(\.workers) + delivery.workers,
        schedules: modules.flatMap(\.schedules) + delivery.schedules,
        queue: queue,
        metrics: metrics,
        logger: logger,
        tracer: traces?.tracer,
        runtime: runtime,
        settings: jobSettings
    )
    let shutdown = Shutdown()
    let operations = OperationRoutes(
        configuration: configuration, database: database, identity: identity, queue: queue, events: billing.events,
        metrics: metrics, limits: limits, clock: clock, shutdown: shutdown, runtime: runtime)
    let startedAt = runtime.now()
    let health = DetailedHealthService(operations: operations, files: files)
    let debug = DebugRoutes(operations: operations, health: health, startedAt: startedAt)
    let monitoring = MonitoringRoutes(
        monitoring: MonitoringService(
            operations: operations, health: health, activity: assistant.activity,
            load: MachineLoad(folder: dependencies.processFolder), startedAt: startedAt),
        recentLog: recentLog, logger: logger, identity: identity, runtime: runtime)
    let environment = EnvironmentRoutes(
        configuration: configuration, model: assistantSettings.upstreams.first?.models.first?.name,
        identity: identity, now: runtime.now)
    let moduleRoutes = (modules.flatMap(\.routes) + monitoring.routes + environment.routes).map {
        limits.limited($0, identity, entitlements)
    }
    let toolEndpoint = ToolEndpoint(of: moduleRoutes, member: identity.member, version: gatehouseVersion)
    let routes = entitlements.withExplanation(
        of: operations.routes + debug.routes + moduleRoutes + [
            limits.limited(toolEndpoint.route, identity, entitlements)
        ]
    ) {
        limits.limited($0, identity, entitlements)
    }
    let dispatcher = RequestDispatcher(
        routes: routes
            + DocumentRoutes.routes(
                describing: routes, groups: documentGroups, version: gatehouseVersion, limited: limits.limitedDocument),
        corsOrigins: configuration.corsOrigins,
        requestHeaders: [.organisation],
        proxies: TrustedProxies(configuration.trustedProxies) ?? .none,
        sendsStrictTransport: configuration.sendsStrictTransport,
        requestsPerNetwork: configuration.connectionsPerNetwork,
        metrics: metrics,
        logger: logger,
        tracer: traces?.tracer,
        runtime: runtime
    )
    // Recovery needs the resolvers of reservations, which the products have registered by now.
    try await entitlements.recovery.recover()
    return App(
        configuration: configuration,
        database: database,
        audit: audit,
        identity: identity,
        personalDataTables: privacy.personalDataTables,
        entitlements: entitlements,
        webhooks: webhooks.service,
        realtime: realtime,
        billing: billing,
        queue: queue,
        runner: runner,
        metrics: metrics,
        logger: logger,
        dispatcher: dispatcher,
        shutdown: shutdown,
        traces: traces,
        monitor: DatabaseMonitor(database: database, clock: clock, logger: logger),
        limits: limits,
        topicSignals: topicSignals,
        commands: commands,
        assistant: assistant,
        runtime: runtime
    )
}

/// The migrations of every module, in the order of their dependencies.
package let allMigrations: [Migration] =
    JobsSchema.migrations + MailSchema.migrations + AuditModule.migrations + IdentityModule.migrations
    + PrivacyModule.migrations + WebhooksModule.migrations
    + LedgerSchema.migrations + EntitlementsModule.migrations + RealtimeModule.migrations + BillingModule.migrations
    + TrainingModule.migrations + SandboxModule.migrations + MarketplaceModule.migrations
    + WorkflowsModule.migrations + AssistantModule.migrations

/// The invariants of every module, in the order of their dependencies.
package let allInvariants: [Invariant] =
    WebhooksModule.invariants + LedgerInvariants.all + EntitlementsModule.invariants + RealtimeModule.invariants
    + BillingModule.invariants + TrainingModule.invariants + SandboxModule.invariants + MarketplaceModule.invariants
    + WorkflowsModule.invariants + AssistantModule.invariants

package let gatehouseVersion = "0.1.0"

/// Opens the configured database without changing its schema.
/// - Throws: ``MissingDatabase`` for a file that the data folder was used with and that does not exist.
package func openDatabase(_ configuration: Configuration, _ dependencies: AppDependencies = AppDependencies()) throws
    -> any Database
{
    if let path = configuration.sqlitePath {
        let marker = DatabaseMarker(folder: try DataFolder(configuration.dataFolder))
        if !configuration.allowsNewDatabase { try marker.check(path) }
        let database = try SQLiteDatabase(
            path: path, readers: 4, clock: dependencies.clock ?? dependencies.runtime.now)
        try marker.add(path)
        return database
    }
    return try PostgresDatabase(
        url: configuration.databaseURL,
        poolSize: configuration.poolSize,
        overflow: configuration.poolOverflow,
        acquireTimeout: configuration.poolTimeout,
        statementTimeout: configuration.statementTimeout,
        connectionAgeMax: configuration.poolRecycle,
        clock: dependencies.clock
    )
}

private func makeLogger(_ configuration: Configuration, _ dependencies: AppDependencies, _ recent: RecentLog)
    -> Logger
{
    Logger(label: "gatehouse") { label in
        var handler = LineLogHandler(
            label: label, format: configuration.logFormat, level: configuration.logLevel,
            output: dependencies.logOutput, recent: recent)
        if configuration.tracesEndpoint != nil { handler.metadataProvider = Traces.fields }
        return handler
    }
}

private func makeDelivery(
    _ configuration: Configuration, database: any Database, mailer: Mailer
) throws -> MailDeliveryService {
    let sender = Sender(
        name: configuration.fromName, mailbox: try Mailbox(configuration.fromEmail ?? "gatehouse@localhost"))
    return MailDeliveryService(
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

/// - Returns: nil where there is no AWS: outside of production without `AWS_ENDPOINT_URL`.
private func awsClient(_ configuration: Configuration, _ runtime: Runtime) throws -> AWSClient? {
    let endpoint: AWSEndpoint
    if !configuration.awsEndpointURL.isEmpty {
        endpoint = try AWSEndpoint(url: configuration.awsEndpointURL)
    } else if configuration.environment == .production {
        endpoint = .amazon
    } else {
        return nil
    }
    return AWSClient(settings: AWSClient.Settings(endpoint: endpoint), outbound: OutboundClient(), runtime: runtime)
}

/// - Returns: nil where there is no payment provider.
private func stripeClient(_ configuration: Configuration, _ dependencies: AppDependencies, _ traces: Traces?)
    -> StripeClient?
{
    guard let key = configuration.stripeSecretKey else { return nil }
    let base = configuration.stripeAPIBase
    let settings =
        base.isEmpty ? StripeSettings(secretKey: key) : StripeSettings(base: base, secretKey: key)
    var bounds = OutboundClient.Settings()
    bounds.tracer = traces?.tracer
    return StripeClient(
        settings: settings, outbound: OutboundClient(bounds),
        pause: dependencies.providerPause ?? { try await Task.sleep(for: $0) })
}

private func billingSettings(_ configuration: Configuration) -> BillingSettings {
    BillingSettings(
        webhookSecrets: configuration.stripeWebhookSecrets, publishableKey: configuration.stripePublishableKey,
        isProduction: configuration.environment == .production,
        frontend: configuration.frontendURL.isEmpty ? address(configuration) : configuration.frontendURL,
        seller: InvoiceParty(
            name: configuration.invoiceSellerName, address: configuration.invoiceSellerAddress.joined(separator: "\n"),
            taxID: configuration.invoiceSellerTaxID),
        address: address(configuration), upi: configuration.upiSettings, prices: configuration.stripePrices)
}

private func riskScorer(_ configuration: Configuration) throws -> RiskScorer {
    let given = try configuration.riskModelPath.map { try RiskModel(contentsOf: $0) }
    return RiskScorer(
        production: { given ?? .embedded },
        experimental: try configuration.experimentalModelPath.map { try RiskModel(contentsOf: $0) })
}

private func sandboxSettings(_ configuration: Configuration) -> SandboxSettings {
    let thresholds = DecisionThresholds(
        crashProbabilityMax: configuration.crashProbabilityMax, interruptRateMax: configuration.interruptRateMax)
    return SandboxSettings(
        thresholds: thresholds ?? DecisionThresholds(),
        decidesForClusters: configuration.decisionEngineMode == .production,
        logsRequireToken: configuration.sandboxLogsRequireToken,
        expiryInterval: configuration.sandboxExpiryInterval,
        countInterval: configuration.sandboxCountInterval,
        archiveCron: configuration.experimentArchiveCron
    )
}

/// The URL of this service.
private func address(_ configuration: Configuration) -> String {
    configuration.baseURL.isEmpty ? "\(configuration.scheme)://localhost:\(configuration.port)" : configuration.baseURL
}

private func identitySettings(
    _ configuration: Configuration, _ folder: DataFolder, _ runtime: Runtime, _ clock: ClockMonitor,
    _ limits: RateLimiting
) throws -> IdentitySettings {
    let pages = [configuration.baseURL, configuration.frontendURL].filter { !$0.isEmpty }
    let needsSecret = configuration.jwtAlgorithm == .hs256 && configuration.jwtSecret.isEmpty
    let secret = try needsSecret ? folder.secret("jwt", runtime: runtime) : configuration.jwtSecret
    return IdentitySettings(
        issuer: address(configuration),
        keyScopes: TrainingModule.keyScopes + SandboxModule.keyScopes + MarketplaceModule.keyScopes
            + WorkflowsModule.keyScopes + AssistantModule.keyScopes + [.tools],
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
        keyEnvironment: configuration.environment.keyWord,
        registrationReveals: configuration.registrationReveals,
        takeSignIn: limits.takeSignIn,
        isClockRight: { clock.mayIssueTokens }
    )
}

extension Configuration {
    /// Whether commands run on this machine.
    fileprivate var runsCommands: Bool { runsWorkflowCommands || toolServerFolder != nil }

    /// The path of the database's file; nil on PostgreSQL.
    package var sqlitePath: String? {
        databaseURL.hasPrefix("sqlite:") ? String(databaseURL.dropFirst("sqlite:".count)) : nil
    }

    /// The secret of the installation, which is generated in the data folder where none is set.
    func secret(in folder: DataFolder, runtime: Runtime) throws -> String {
        secretKey.isEmpty ? try folder.secret("secret", runtime: runtime) : secretKey
    }

    func encryptionKeys(in folder: DataFolder, runtime: Runtime) throws -> EncryptionKeys {
        EncryptionKeys(encryptionKey.isEmpty ? try secret(in: folder, runtime: runtime) : encryptionKey)
    }

    /// The origins (RFC 6454) of this service's own pages.
    fileprivate var ownOrigins: [String] {
        let pages = [baseURL, frontendURL].filter { !$0.isEmpty }
        guard !pages.isEmpty else { return ["localhost", "127.0.0.1"].map { "\(scheme)://\($0):\(port)" } }
        return pages.compactMap { page in
            // An origin has no path.
            guard let parts = URLComponents(string: page), let scheme = parts.scheme, let host = parts.host else {
                return nil
            }
            return "\(scheme)://\(host)".lowercased() + (parts.port.map { ":\($0)" } ?? "")
        }
    }
}

extension Configuration.Environment {
    /// The environment in the prefix of API keys.
    fileprivate var keyWord: String {
        switch self {
        case .development: "dev"
        case .test: "test"
        case .production: "live"
        }
    }
}

private func readPlans(_ configuration: Configuration, _ offers: Offers) throws -> PlanSet {
    guard let file = configuration.plansFile else { return try PlanSet(builtInFor: offers) }
    return try PlanSet(yaml: String(contentsOfFile: file, encoding: .utf8), offers: offers)
}
