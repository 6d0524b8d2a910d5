package import Audit
package import Entitlements
package import Files
package import Identity
package import Modules

/// Time series in, datasets and forecasting models out, under the quotas of a plan.
package struct TrainingModule: Module {
    let identity: IdentityModule
    let entitlements: EntitlementsModule
    let sessions: TrainingSessionService
    let uploads: UploadService
    let files: SeriesFileService
    let runs: RunService
    let results: ResultService
    let generation: DatasetWorker
    let training: TrainingWorker

    package init(
        database: any Database,
        identity: IdentityModule,
        entitlements: EntitlementsModule,
        audit: AuditModule,
        queue: JobQueue,
        files store: FileStore,
        runtime: Runtime
    ) {
        self.identity = identity
        self.entitlements = entitlements
        let places = TrainingFilePaths(store: store)
        // Numbers are crunched on threads of their own: they would stall every other request of their event loop. Runs take hours, so
        // that requests have threads that no run uses.
        let compute = BlockingPool(name: "training", threads: 2, capacity: 64)
        let desk = BlockingPool(name: "training-desk", threads: 2, capacity: 64)
        sessions = TrainingSessionService(
            database: database, storage: entitlements.storage, places: places, audit: audit, runtime: runtime)
        uploads = UploadService(
            database: database, quotas: entitlements.quotas, storage: entitlements.storage, places: places,
            compute: desk, audit: audit, runtime: runtime)
        files = SeriesFileService(database: database, storage: entitlements.storage, places: places, audit: audit)
        runs = RunService(
            database: database, quotas: entitlements.quotas, queue: queue, audit: audit, runtime: runtime)
        results = ResultService(database: database, places: places, compute: desk, runtime: runtime)
        generation = DatasetWorker(
            database: database, quotas: entitlements.quotas, places: places, compute: compute, audit: audit,
            runtime: runtime)
        training = TrainingWorker(
            database: database, quotas: entitlements.quotas, places: places, compute: compute, audit: audit,
            runtime: runtime)
        entitlements.resolvers.register(RunJob.resolver) { try RunJob.resolution(of: $0, in: $1) }
    }

    package static let meters: [Meter] = [.uploads, .processing, .trainingRuns]
    package static let features: [Feature] = [.training]
    package static let migrations = TrainingSchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var routes: [Route] { sessionRoutes + fileRoutes + runRoutes + resultRoutes }
    package var workers: [Worker] { [generation.worker, training.worker, uploads.worker] }
    package var schedules: [Schedule] { [uploads.schedule] }
}

extension Meter {
    package static let uploads = Meter("uploads", title: "Upload")
    package static let processing = Meter("processing", title: "Processing")
    package static let trainingRuns = Meter("training_runs", title: "Training")
}

extension Feature {
    package static let training = Feature("training", title: "Training")
}

extension Problem.Kind {
    static let sessionNotFound = Self("session-not-found", "Session not found", status: 404)
    static let fileNotFound = Self("file-not-found", "File not found", status: 404)
    static let resultsNotFound = Self("results-not-found", "There are no results yet", status: 404)
    static let modelNotFound = Self("model-not-found", "Model not found", status: 404)
    static let trainingInProgress = Self("training-in-progress", "A run of this session is under way", status: 409)
    static let datasetNotReady = Self("dataset-not-ready", "The session has no datasets yet", status: 409)
    static let chunkMissing = Self("chunk-missing", "The first chunk of this upload has not arrived", status: 409)
    static let uploadConflict = Self("upload-conflict", "This upload was begun differently", status: 409)
    static let unusableFile = Self("unusable-file", "The file cannot be used as a time series", status: 422)
    static let modelNotAvailable = Self("model-not-available", "This model is not available", status: 422)
}
