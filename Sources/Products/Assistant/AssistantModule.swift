package import Audit
package import Entitlements
package import Files
package import Identity
package import Modules

/// Conversations with language models: an endpoint each for the clients of OpenAI and of Anthropic, sessions whose
/// messages are stored, and files that an organisation shares with its tools.
package struct AssistantModule: Module {
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [
        MaintainTurnsJob.schedule, MaintainWorkspacesJob.schedule, DeleteUsageJob.schedule,
    ]
    private let running = RunningTurns()

    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditService,
        files: FileStore,
        settings: AssistantSettings,
        logger: Logger,
        runtime: Runtime
    ) {
        let models = AssistantModels(settings, runtime: runtime)
        let turns = TurnService(
            database: database, models: models, concurrency: entitlements.concurrency,
            settlement: TurnSettlement(quotas: entitlements.quotas), running: running, settings: settings,
            logger: logger, runtime: runtime)
        let sessions = AssistantSessionService(
            database: database, models: models, concurrency: entitlements.concurrency, running: running,
            audit: audit, settings: settings, runtime: runtime)
        let workspaces = WorkspaceService(
            database: database, files: files, audit: audit, fileBytesMax: settings.fileBytesMax, runtime: runtime)
        let analytics = AnalyticsService(database: database, retentionDays: settings.analyticsRetentionDays)
        identity.events.addUsage { try $2.assistantUsage(of: $0, in: $1) }
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
        workers = [
            MaintainTurnsJob.worker(turns), MaintainWorkspacesJob.worker(workspaces), DeleteUsageJob.worker(analytics),
        ]
    }

    /// Ends the answers that are under way, and stores what came of them: before the database closes.
    package func endTurns() async { await running.end() }

    package static let keyScopes: [KeyScope] = [.assistant]
    package static let rateClasses: [RateClass] = [.assistant]
    package static let migrations = AssistantSchema.migrations
    package static let invariants =
        AssistantInvariants.all + WorkspaceSchema.invariants + AnalyticsSchema.invariants
    package var migrations: [Migration] { Self.migrations }
}

extension AssistantModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { AssistantPersonalData.tables }
}

extension KeyScope {
    package static let assistant = KeyScope("assistant")
}

extension RateClass {
    static let assistant = RateClass("assistant")
}
