package import AWS
package import Audit
package import Entitlements
package import Files
package import Identity
package import Modules
package import Realtime
package import Secrets

/// Decides about spot instances: trial sessions with time-limited credentials, and experiments with risk models.
package struct SandboxModule: Module {
    package let settings: SandboxSettings
    package let routes: [Route]
    package let workers: [Worker]

    /// - Parameters:
    ///   - aws: nil where the installation has no AWS: built-in tables answer, and nothing is replaced.
    ///   - fernet: seals the credentials of sessions.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditService,
        realtime: RealtimeModule,
        queue: JobQueue,
        files: FileStore,
        aws: AWSClient?,
        fernet: Fernet,
        scorer: RiskScorer = .builtin,
        settings: SandboxSettings = SandboxSettings(),
        logger: Logger,
        runtime: Runtime
    ) {
        self.settings = settings
        let log = SessionLogService(topics: realtime.topics)
        realtime.topics.register(SessionLogService.topicFamily)
        let cloud = CloudService(client: aws, fernet: fernet, runtime: runtime)
        let sessions = SandboxSessionService(
            database: database, concurrency: entitlements.concurrency, events: identity.events, audit: audit, log: log,
            cloud: cloud, queue: queue, runtime: runtime)
        let moves = MoveService(
            database: database, cloud: cloud, log: log, audit: audit, queue: queue, runtime: runtime)
        let cleanUps = CleanUpService(database: database, cloud: cloud, log: log, runtime: runtime)
        let evaluations = EvaluationService(
            database: database, markets: MarketService(cloud: cloud, runtime: runtime),
            pipelines: PipelineService(
                thresholds: settings.thresholds, decidesForClusters: settings.decidesForClusters, scorer: scorer,
                compute: BlockingPool(name: "sandbox", threads: 1, capacity: 64), runtime: runtime),
            moves: moves, log: log, runtime: runtime)
        let experiments = ExperimentService(database: database, files: files, runtime: runtime)
        let member = identity.member

        routes =
            SandboxSessionRoutes(sessions: sessions, member: member, entitlements: entitlements).routes
            + EvaluationRoutes(evaluations: evaluations, member: member).routes
            + SandboxActionRoutes(actions: SandboxActionService(database: database), member: member).routes
            + SandboxSavingsRoutes(savings: SandboxSavingsService(database: database), member: member).routes
            + SessionLogRoutes(
                reading: SessionLogReadingService(database: database, subscriptions: realtime.subscriptions),
                reader: LogReader(member: member, requiresToken: settings.logsRequireToken),
                originCheck: identity.originCheck, logger: logger, runtime: runtime
            ).routes
            + LabRoutes(
                lab: LabService(database: database, audit: audit), experiments: experiments, member: member,
                scientist: identity.role(.lab), administrator: identity.role(.admin)
            ).routes
        workers = [
            ExpireSessionsJob.worker(sessions), CountSessionsJob.worker(sessions), DeleteSessionsJob.worker(sessions),
            MoveJob.worker(moves), CleanUpJob.worker(cleanUps), ArchiveExperimentsJob.worker(experiments),
        ]
        // The service tells the events of identity of its sessions: a strong reference would be a cycle.
        identity.events.onAccountClosed { [weak sessions] person, _, transaction in
            try sessions?.endAll(of: person, because: "account was closed", in: transaction)
        }
        identity.events.onAccountSuspended { [weak sessions] person, transaction in
            try sessions?.endAll(of: person, because: "account was suspended", in: transaction)
        }
        identity.events.onMemberRemoved { [weak sessions] person, organisation, transaction in
            try sessions?.endAll(of: person, leaving: organisation, because: "membership has ended", in: transaction)
        }
        identity.events.addActiveSessions { try $1.countActiveSandboxSessions(of: $0) }
    }

    package static let keyScopes: [KeyScope] = [.sandbox]
    package static let migrations = SandboxSchema.migrations
    package static let invariants = SandboxInvariants.all
    package var migrations: [Migration] { Self.migrations }
    package var schedules: [Schedule] {
        [
            ExpireSessionsJob.schedule(every: settings.expiryInterval),
            CountSessionsJob.schedule(every: settings.countInterval),
            ArchiveExperimentsJob.schedule(at: settings.archiveCron), DeleteSessionsJob.schedule,
        ]
    }
}

extension SandboxModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { SandboxPersonalData.tables }
}

extension KeyScope {
    package static let sandbox = KeyScope("sandbox")
}
