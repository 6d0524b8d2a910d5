package import Audit
package import CommandSandbox
package import Entitlements
package import Files
package import Identity
package import Modules
package import Outbound
package import Rates
package import Realtime
package import Secrets

/// Conversations with language models: an endpoint each for the clients of OpenAI and of Anthropic, sessions whose
/// messages are stored, files that an organisation shares with its tools, and tools of servers of the Model Context
/// Protocol.
package struct AssistantModule: Module {
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [
        MaintainTurnsJob.schedule, MaintainWorkspacesJob.schedule, DeleteUsageJob.schedule,
        MaintainToolExecutionsJob.schedule,
    ]
    /// For workflows, whose steps call tools of servers.
    package let tools: AssistantTools
    package let activity: AssistantActivity
    private let running = RunningTurns()
    private let topics: TopicService

    /// - Parameters:
    ///   - client: reaches the URLs that users name.
    ///   - limiter: counts the starts of tool servers.
    ///   - commands: where tool servers of the installation run; nil for none.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditService,
        realtime: RealtimeModule,
        queue: JobQueue,
        files: FileStore,
        client: UserURLClient,
        limiter: RateLimiter,
        sealer: Sealer,
        commands: CommandSandbox?,
        settings: AssistantSettings,
        metrics: Metrics,
        logger: Logger,
        runtime: Runtime
    ) {
        let models = AssistantModels(settings, runtime: runtime)
        topics = realtime.topics
        let events = SessionEvents(topics: topics)
        topics.register(SessionEvents.topicFamily)
        let connections = MCPConnections(
            file: settings.toolServers, urls: client, sandbox: commands, files: files, sealer: sealer,
            runtime: runtime)
        let servers = MCPServerService(
            database: database, connections: connections, file: settings.toolServers, client: client, sealer: sealer,
            audit: audit, limiter: limiter, runtime: runtime)
        let executions = ToolExecutionService(
            database: database, connections: connections, audit: audit, events: events, runtime: runtime)
        let settlement = TurnSettlement(quotas: entitlements.quotas, metrics: metrics, logger: logger)
        let summaries = SessionSummaryService(
            database: database, models: models, settlement: settlement, charges: entitlements.unattendedCharges,
            queue: queue, settings: settings, runtime: runtime)
        let turns = TurnService(
            database: database, models: models, access: identity.access, concurrency: entitlements.concurrency,
            settlement: settlement,
            serverTools: ServerToolService(database: database, executions: executions, runtime: runtime),
            summaries: summaries, events: events, running: running, settings: settings, logger: logger,
            runtime: runtime)
        let sessions = AssistantSessionService(
            database: database, models: models, concurrency: entitlements.concurrency, running: running,
            audit: audit, events: events, settings: settings, runtime: runtime)
        let workspaces = WorkspaceService(
            database: database, files: files, audit: audit, fileBytesMax: settings.fileBytesMax, runtime: runtime)
        let analytics = AnalyticsService(database: database, retentionDays: settings.analyticsRetentionDays)
        identity.events.addUsage { try $2.assistantUsage(of: $0, in: $1) }
        activity = AssistantActivity(database: database)
        tools = AssistantTools(executions: executions)
        let ofModels: [Route] =
            ChatCompletionRoutes(
                turns: turns, settings: settings, member: identity.member, entitlements: entitlements
            ).routes
            + AnthropicMessageRoutes(turns: turns, member: identity.member, entitlements: entitlements).routes
            + ModelRoutes(models: models, member: identity.member).routes
        routes =
            ofModels
            + AssistantProjectRoutes(
                projects: AssistantProjectService(database: database, audit: audit, runtime: runtime),
                member: identity.member, entitlements: entitlements
            ).routes
            + AssistantSessionRoutes(sessions: sessions, member: identity.member, entitlements: entitlements).routes
            + WorkspaceRoutes(workspaces: workspaces, member: identity.member, entitlements: entitlements).routes
            + AnalyticsRoutes(analytics: analytics, identity: identity, entitlements: entitlements).routes
            + MCPServerRoutes(servers: servers, member: identity.member, entitlements: entitlements).routes
            + ToolExecutionRoutes(executions: executions, member: identity.member, entitlements: entitlements).routes
            + AssistantSocketRoutes(
                subscriptions: realtime.subscriptions, member: identity.member, originCheck: identity.originCheck,
                logger: logger, runtime: runtime
            ).routes
        workers = [
            MaintainTurnsJob.worker(turns), MaintainWorkspacesJob.worker(workspaces), DeleteUsageJob.worker(analytics),
            MaintainToolExecutionsJob.worker(executions), SummariseSessionJob.worker(summaries),
        ]
    }

    /// Ends the answers that are under way, and stores what came of them: before the database closes.
    package func endTurns() async { await running.end() }

    package static let keyScopes: [KeyScope] = [.assistant]
    package static let rateClasses: [RateClass] = [.assistant]
    package static let migrations =
        AssistantSchema.migrations + MCPSchema.migrations
        + [SummarySchema.migration, SummarySchema.attemptsMigration]
    package static let invariants =
        AssistantInvariants.all + WorkspaceSchema.invariants + AnalyticsSchema.invariants + SummarySchema.invariants
    package var migrations: [Migration] { Self.migrations }
}

extension AssistantModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { AssistantPersonalData.tables(topics) }
}

extension KeyScope {
    package static let assistant = KeyScope("assistant")
}

extension RateClass {
    static let assistant = RateClass("assistant")
}
