package import Audit
package import CommandSandbox
package import Entitlements
package import Files
import GoalGraphs
package import Identity
package import Mail
import Models
package import Modules
package import Outbound
package import Rates
package import Realtime
package import Secrets

/// Intents that are planned as graphs of steps, run by agents, and audited.
package struct WorkflowsModule: Module {
    package let routes: [Route]
    package let workers: [Worker]
    package let schedules = [
        MaintainWorkflowsJob.schedule, RunSchedulesJob.schedule, PruneWorkflowsJob.schedule,
    ]

    /// - Parameters:
    ///   - client: reaches the URLs that users name.
    ///   - sealer: derives the key that signs the links of questions.
    ///   - address: the URL of this service, for these links.
    ///   - limiter: counts the calls of tools and of language models.
    ///   - modelPause: waits between attempts at these calls; tests replace it.
    ///   - commands: where commands run; nil for none.
    ///   - servers: the tools of servers of organisations; nil for none.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditModule,
        realtime: RealtimeModule,
        mailer: Mailer,
        queue: JobQueue,
        files store: FileStore,
        client: UserURLClient,
        limiter: RateLimiter,
        sealer: Sealer,
        address: String,
        modelPause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        commands: CommandSandbox? = nil,
        servers: WorkflowToolServers? = nil,
        settings: WorkflowsSettings = WorkflowsSettings(),
        runtime: Runtime
    ) {
        let files = WorkflowFileService(database: database, files: store, runtime: runtime)
        let models = Self.models(
            settings, database: database, limiter: limiter, pause: modelPause, runtime: runtime)
        let copies = commands.map { _ in WorkingCopyService(files: files, store: store, runtime: runtime) }
        let compute = BlockingPool(name: "workflow-data", threads: 2, capacity: 64)
        let effects = EffectService(database: database, runtime: runtime)
        var executors: [any ToolExecutor] = [
            HTTPRequestExecutor(client: client, effects: effects),
            SendEmailExecutor(database: database, mailer: mailer),
            ReadFileExecutor(files: files), WriteFileExecutor(files: files), ListDirectoryExecutor(files: files),
            TableExecutor(.csvTransform, compute: compute), TableExecutor(.jsonTransform, compute: compute),
            CompareExecutor(compute: compute), SubWorkflowExecutor(), ScheduleExecutor(runtime: runtime),
        ]
        if let models { executors.append(ModelAnswerExecutor(models: models)) }
        if let servers {
            executors.append(MCPCallExecutor(servers: servers, database: database, effects: effects))
        }
        if let commands, let copies { executors.append(RunCommandExecutor(sandbox: commands, copies: copies)) }
        let tools = ToolBox(executors)
        let approvalKey = sealer.key(for: "workflow approvals")
        let runner = WorkflowRunner(
            concurrency: entitlements.concurrency,
            settlement: WorkflowSettlement(credits: entitlements.credits, quotas: entitlements.quotas),
            trail: WorkflowTrail(audit: audit.service, topics: realtime.topics),
            notices: WorkflowNotices(mailer: mailer, address: address, key: approvalKey), queue: queue, tools: tools,
            models: models, runtime: runtime)
        let planning = PlanningService(
            database: database, runner: runner, rules: RuleWorkflowPlanner(), models: models, files: files,
            tools: tools.catalog)
        let workflows = WorkflowService(
            database: database, runner: runner, history: audit.search, exports: audit.historyExport, files: files,
            copies: copies)
        let intents = IntentService(
            database: database, runner: runner, planning: planning, credits: entitlements.credits,
            quotas: entitlements.quotas, charges: entitlements.unattendedCharges, settings: settings, runtime: runtime)
        let costs = WorkflowCostService(database: database)
        let schedules = WorkflowScheduleService(
            database: database, runner: runner, intents: intents, audit: audit.service)

        routes =
            IntentRoutes(intents: intents, member: identity.member, entitlements: entitlements).routes
            + WorkflowRoutes(workflows: workflows, files: files, costs: costs, member: identity.member).routes
            + ApprovalRoutes(
                approvals: ApprovalService(database: database, runner: runner, key: approvalKey),
                member: identity.member
            ).routes
            + WorkflowScheduleRoutes(schedules: schedules, member: identity.member).routes
            + WorkflowAdministrationRoutes(
                workflows: WorkflowAdministrationService(database: database), costs: costs,
                administrator: identity.role(.admin)
            ).routes
        workers = [
            PlanWorkflowJob.worker(planning),
            StepJob.worker(
                StepService(database: database, runner: runner, tools: tools, limiter: limiter, compute: compute)),
            StartStepsJob.worker(runner), MaintainWorkflowsJob.worker(workflows), RunSchedulesJob.worker(schedules),
            PruneWorkflowsJob.worker(workflows),
        ]
        realtime.topics.register(WorkflowTrail.topicFamily)
        entitlements.resolvers.register(WorkflowSettlement.resolver, WorkflowSettlement.resolve)
        identity.events.onAccountClosed { person, _, transaction in
            try workflows.cancelAll(of: person, because: "The account was closed.", in: transaction)
        }
        identity.events.onAccountSuspended { person, transaction in
            try workflows.cancelAll(of: person, because: "The account was suspended.", in: transaction)
        }
        identity.events.onMemberRemoved { person, organisation, transaction in
            try workflows.cancelAll(
                of: person, leaving: organisation, because: "The membership has ended.", in: transaction)
        }
    }

    /// - Returns: nil without a model.
    private static func models(
        _ settings: WorkflowsSettings, database: any Database, limiter: RateLimiter,
        pause: @escaping @Sendable (Duration) async throws -> Void, runtime: Runtime
    ) -> ModelService? {
        guard !settings.models.isEmpty else { return nil }
        var bounds = ModelClientSettings()
        bounds.tracer = settings.tracer
        let models = settings.models.map { model in
            WorkflowModel(
                name: model.model, client: model.upstream.client(bounds, runtime: runtime, pause: pause),
                price: settings.modelPrices[model.model] ?? ModelPrice.known(of: model.model))
        }
        return ModelService(
            database: database, models: models, limiter: limiter, timeout: settings.modelTimeout)
    }

    package static let keyScopes: [KeyScope] = [.workflows]
    package static let rateClasses: [RateClass] = [.intents]
    package static let migrations = WorkflowsSchema.migrations
    package static let invariants = WorkflowsInvariants.all
    package var migrations: [Migration] { Self.migrations }
}

extension WorkflowsModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { WorkflowsPersonalData.tables }
}

extension KeyScope {
    package static let workflows = KeyScope("workflows")
}
