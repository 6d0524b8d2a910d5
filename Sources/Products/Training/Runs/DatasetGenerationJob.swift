import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Generates the datasets of one run.
struct DatasetGenerationJob: RunJob {
    static let name = "training.generate-datasets"
    static let lane = JobLane.short
    let run: ID<Run>
    let organisation: ID<Organisation>
}

/// The result of a run that generated datasets, stored in its row.
struct DatasetResult: Codable, Sendable {
    var recipe: DatasetRecipe
    var shape: ForecastShape
    var count: Int
    var dropped: Int
    var drops: [DatasetManifest.Drop]
    var warnings: [String]
    var inputColumns: [String]
    var timeColumns: [String]
    var outputColumns: [String]
}

/// The worker of ``DatasetGenerationJob``.
final class DatasetGenerationWorker: Sendable {
    let database: any Database
    let settlement: RunSettlementService
    let workspace: RunWorkspace
    let queue: JobQueue
    let events: RunEventService

    /// The number of earlier runs whose folders a run removes. Each run removes the folder of the one before; a killed
    /// process leaves more.
    private static let removedFoldersMax = 16

    init(
        database: any Database, settlement: RunSettlementService, workspace: RunWorkspace, queue: JobQueue,
        events: RunEventService
    ) {
        self.database = database
        self.settlement = settlement
        self.workspace = workspace
        self.queue = queue
        self.events = events
    }

    var worker: Worker { settlement.worker(perform: perform) }

    @Sendable private func perform(_ job: DatasetGenerationJob, context: JobContext) async throws -> JobOutcome {
        guard let (run, session, files) = try await start(job) else { return .done }
        guard let steps = session.steps else { throw JobFailure.permanent("The session has no steps.") }
        let request: GenerateDatasets = try JSONColumn.decode(run.request)
        let split = try (request.trainingSplit ?? TrainingSplit()).split()
        let recipe = SessionRecipe(session: session, files: files, steps: steps).recipe(
            split: split, maximumGapMinutes: request.maximumGapMinutes
        ) { file in
            workspace.filePaths.url(workspace.filePaths.series(file.twin(among: files).id, of: session.id))
        }
        let (manifest, plots) = try await workspace.withFolder(of: run, context) { folder in
            try await workspace.compute(
                context,
                publishing: { [events] progress, epochs in
                    await events.progressed(
                        run, of: session.clientID, model: nil, progress, epochs: epochs, logger: context.logger)
                }
            ) { [workspace] report in
                let manifest = try workspace.generator(recipe, for: run).run(
                    into: folder,
                    progress: { fraction, phase in
                        report(.init(percent: 5 + fraction * 80, phase: phase == .datasets ? "datasets" : "scaling"))
                    },
                    checkCancellation: context.checkCancellation
                )
                report(.init(percent: 88, phase: "plots"))
                return (
                    manifest,
                    try ViolinPlots.draw(manifest, into: folder, checkCancellation: context.checkCancellation)
                )
            }
        }
        let result = try JSONColumn.encode(DatasetResult(recipe, manifest))
        let bytes = try await workspace.bytes(of: run, context)
        return .done { [settlement, queue, events] transaction in
            guard try transaction.succeed(run, result: result, attempt: context.fence, storageBytes: bytes) else {
                return
            }
            if let replaced = try transaction.trainingSession(session.id, of: run.organisation)?.datasetRun {
                try transaction.deletePlots(of: replaced, in: run.organisation)
                try queue.enqueue(
                    ReplacedDatasetsJob(run: replaced, session: session.id, organisation: run.organisation),
                    ReplacedDatasetsJob.options(run, at: transaction.now), in: transaction)
            }
            for (position, plot) in plots.enumerated() { try transaction.insert(plot, run: run, position: position) }
            try transaction.setDatasets(run.id, count: Int64(manifest.count), of: session.id, in: run.organisation)
            try settlement.settle(run, storageBytes: bytes, in: transaction)
            try events.succeeded(run, of: session.clientID, model: nil, in: transaction)
        }
    }

    /// Marks the run as running, and removes the plots and folders of earlier runs except those of the present
    /// datasets.
    /// - Returns: nil where the run is finished.
    private func start(_ job: DatasetGenerationJob) async throws -> (Run, TrainingSession, [SeriesFile])? {
        let started = try await database.write {
            [settlement, events] transaction -> (Run, TrainingSession, [SeriesFile], [ID<Run>])? in
            guard let (run, session) = try settlement.begin(job, in: transaction) else { return nil }
            let earlier = try transaction.latestRuns(of: session, kind: .datasets, limit: Self.removedFoldersMax).filter
            {
                $0 != run.id && $0 != session.datasetRun
            }
            try transaction.deleteDatasetPlots(of: session, except: run)
            try settlement.releaseStorage(ofRuns: earlier, of: run.organisation, in: transaction)
            let files = try transaction.seriesFiles(of: session)
            try events.started(run, of: session, model: nil, in: transaction)
            return (run, session, files, earlier)
        }
        guard let (run, session, files, earlier) = started else { return nil }
        let filePaths = workspace.filePaths
        for id in earlier { try await filePaths.store.remove(filePaths.run(id, of: session.id)) }
        return (run, session, files)
    }
}

extension DatasetResult {
    init(_ recipe: DatasetRecipe, _ manifest: DatasetManifest) {
        self.recipe = recipe
        count = manifest.count
        dropped = manifest.droppedCount
        drops = manifest.drops
        warnings = manifest.warnings
        shape = ForecastShape(
            inputSteps: manifest.inputSteps,
            inputFeatures: manifest.inputColumns.count,
            outputSteps: manifest.outputSteps,
            outputFeatures: manifest.outputColumns.count
        )
        inputColumns = manifest.inputColumns.filter { $0.kind != .time }.map(\.name)
        timeColumns = manifest.inputColumns.filter { $0.kind == .time }.map(\.name)
        outputColumns = manifest.outputColumns.map(\.name)
    }
}

extension Transaction {
    /// The present datasets of a session and the run that generated them; nil where there are none.
    func datasets(of session: TrainingSession) throws -> (Run, DatasetResult)? {
        guard let id = session.datasetRun, let run = try run(id, of: session.organisation), let result = run.result
        else { return nil }
        return (run, try JSONColumn.decode(result))
    }
}
