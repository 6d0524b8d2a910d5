package import Audit
package import Entitlements
package import Files
package import Identity
package import Modules
package import Realtime
package import Webhooks

/// Imports time series, generates datasets from them and trains forecasting models, within the quotas of a plan.
package struct TrainingModule: Module {
    let filePaths: TrainingFilePaths
    let datasetWorker: DatasetGenerationWorker
    let trainingWorker: TrainingRunWorker
    let uploadPruning: UploadPruningWorker
    private let impersonatedRuns: Worker
    private let impersonatedUploads: Worker
    let settlement: RunSettlementService
    package let routes: [Route]

    /// - Parameter runThreads: runs that compute at once, at least the slots of their lane.
    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditService,
        realtime: RealtimeModule,
        webhooks: WebhookService,
        queue: JobQueue,
        files store: FileStore,
        runThreads: Int = 4,
        runtime: Runtime
    ) {
        let filePaths = TrainingFilePaths(store: store)
        self.filePaths = filePaths
        // Runs take up to hours, and requests must not wait for them: each has threads of its own, outside of the
        // event loops.
        let runPool = BlockingPool(name: "training", threads: runThreads, capacity: 64)
        let requestPool = BlockingPool(name: "training-requests", threads: 2, capacity: 64)

        let events = RunEventService(database: database, topics: realtime.topics)
        realtime.topics.register(RunEventService.topicFamily)
        let sessions = TrainingSessionService(
            database: database, storage: entitlements.storage, filePaths: filePaths, audit: audit, events: events,
            runtime: runtime)
        let uploads = UploadService(
            database: database, quotas: entitlements.quotas, storage: entitlements.storage, filePaths: filePaths,
            compute: requestPool, queue: queue, audit: audit, runtime: runtime)
        impersonatedUploads = ImpersonatedUploadsJob.worker(uploads)
        let files = SeriesFileService(
            database: database, storage: entitlements.storage, filePaths: filePaths, audit: audit)
        let settlement = RunSettlementService(
            quotas: entitlements.quotas, storage: entitlements.storage, audit: audit, events: events,
            webhooks: webhooks)
        self.settlement = settlement
        let runs = RunService(
            database: database, quotas: entitlements.quotas, storage: entitlements.storage, settlement: settlement,
            events: events, queue: queue, audit: audit, runtime: runtime)
        impersonatedRuns = ImpersonatedRunJob.worker(runs)
        realtime.sockets.register(
            TrainingSocketEvents(database: database, subscriptions: realtime.subscriptions).events)
        let locator = ResultLocator(database: database, filePaths: filePaths)
        let results = ResultService(database: database, locator: locator, compute: requestPool)
        let forecasts = ForecastService(
            database: database, locator: locator, compute: requestPool, runtime: runtime)

        routes =
            TrainingSessionRoutes(sessions: sessions, member: identity.member).routes
            + SeriesFileRoutes(
                files: files, uploads: uploads, repeats: UploadRepeatService(database: database),
                member: identity.member, entitlements: entitlements
            ).routes
            + RunRoutes(runs: runs, results: results, member: identity.member, entitlements: entitlements).routes
            + ResultRoutes(
                results: results, forecasts: forecasts, member: identity.member, entitlements: entitlements
            ).routes

        let workspace = RunWorkspace(filePaths: filePaths, pool: runPool)
        datasetWorker = DatasetGenerationWorker(
            database: database, settlement: settlement, workspace: workspace, queue: queue, events: events)
        trainingWorker = TrainingRunWorker(
            database: database, settlement: settlement, workspace: workspace, events: events, runtime: runtime)
        uploadPruning = UploadPruningWorker(
            database: database, storage: entitlements.storage, filePaths: filePaths, compute: requestPool,
            runtime: runtime)
        entitlements.resolvers.register(RunSettlementService.resolver) {
            try RunSettlementService.resolve($0, in: $1)
        }
    }

    package static let meters: [Meter] = [.uploads, .processing, .trainingRuns]
    package static let features: [Feature] = [.training]
    package static let webhookEvents: [WebhookEventType] = [.runFinished]
    package static let keyScopes: [KeyScope] = [.training]
    package static let migrations = TrainingSchema.migrations
    package static let invariants = TrainingInvariants.all
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] {
        [
            datasetWorker.worker, trainingWorker.worker, ReplacedDatasetsJob.worker(settlement, filePaths),
            uploadPruning.worker, impersonatedRuns, impersonatedUploads,
        ]
    }
    package var schedules: [Schedule] { [uploadPruning.schedule] }
}

extension TrainingModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] { TrainingPersonalData(filePaths: filePaths).tables }
}

extension Meter {
    package static let uploads = Meter("uploads", title: "Upload")
    package static let processing = Meter("processing", title: "Processing")
    package static let trainingRuns = Meter("training_runs", title: "Training")
}

extension Feature {
    package static let training = Feature("training", title: "Training")
}

extension KeyScope {
    package static let training = KeyScope("training")
}
