import Audit
import Entitlements
import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Makes the datasets of one run.
struct DatasetJob: Job {
    static let name = "training.datasets"
    let run: ID<Run>
    let organisation: ID<Organisation>
}

/// What a run that made datasets leaves behind, kept with the run.
struct DatasetResult: Codable, Sendable {
    var recipe: DatasetRecipe
    var shape: ForecastShape
    var count: Int
    var dropped: Int
    var inputColumns: [String]
    var timeColumns: [String]
    var outputColumns: [String]
}

/// The worker of ``DatasetJob``.
struct DatasetWorker: Sendable {
    let database: any Database
    let quotas: QuotaService
    let places: TrainingFilePaths
    let compute: BlockingPool
    let audit: AuditModule
    let runtime: Runtime

    /// How many of the latest runs are looked at for something to clear away. Each run clears what the one before it left, so that
    /// one would do but for processes that were killed in between.
    private static let clearedMax = 16

    var worker: Worker {
        Worker(
            DatasetJob.self,
            perform: perform,
            abandoned: { job, why, transaction in
                try RunJob.abandon(job.run, of: job.organisation, why, quotas, audit, in: transaction)
            }
        )
    }

    @Sendable private func perform(_ job: DatasetJob, context: JobContext) async throws -> JobOutcome {
        guard let (run, session, files) = try await take(job) else { return .done }
        guard let steps = session.steps else { throw JobFailure.permanent("The session's steps are not set any more.") }
        let request: GenerateDatasets = try JSONText.decode(run.request)
        let split = try (request.trainingSplit ?? TrainingSplit()).split()
        let recipe = SessionRecipe(session: session, files: files, steps: steps).recipe(split: split) { file in
            places.url(places.series(file.twin(among: files).id, of: session.id))
        }
        let (manifest, plots) = try await RunJob.inFolder(of: run, context, places) { folder in
            try await RunJob.compute(on: compute, context) { report in
                do {
                    let manifest = try DatasetGenerator(recipe).run(
                        into: folder,
                        progress: { fraction, phase in
                            report(
                                .init(percent: 5 + fraction * 80, phase: phase == .datasets ? "datasets" : "scaling"))
                        },
                        checkCancellation: context.checkCancellation
                    )
                    report(.init(percent: 88, phase: "plots"))
                    return (
                        manifest,
                        try ViolinPictures.draw(manifest, into: folder, checkCancellation: context.checkCancellation)
                    )
                } catch let fault as DatasetFault {
                    throw JobFailure.permanent(fault.message)
                } catch let fault as SeriesFault {
                    throw JobFailure.permanent(fault.message)
                }
            }
        }
        let result = try JSONText.encode(DatasetResult(recipe, manifest))
        return .done { transaction in
            guard try transaction.succeed(run, result: result, attempt: context.fence) else { return }
            for (position, plot) in plots.enumerated() { try transaction.insert(plot, run: run, position: position) }
            try transaction.setDatasets(run.id, count: Int64(manifest.count), of: session.id, in: run.organisation)
            try quotas.commit(run.reservation, in: transaction)
            try audit.record(
                AuditEvent(
                    "run.succeeded", actor: run.startedBy.text, organisation: run.organisation.text,
                    subject: run.id.text, details: ["kind": "datasets"]),
                in: transaction
            )
        }
    }

    /// Takes the run up, and clears away what earlier runs of its kind left: only the latest datasets count.
    private func take(_ job: DatasetJob) async throws -> (Run, TrainingSession, [SeriesFile])? {
        let taken = try await database.write { transaction -> (Run, TrainingSession, [SeriesFile], [ID<Run>])? in
            guard let run = try transaction.run(job.run, of: job.organisation), try transaction.begin(run),
                let session = try transaction.trainingSession(run.session, of: job.organisation)
            else { return nil }
            try quotas.extend(run.reservation, in: transaction)
            let old = try transaction.latestRuns(of: session, kind: .datasets, limit: Self.clearedMax).filter {
                $0 != run.id && $0 != session.datasetRun
            }
            try transaction.deleteDatasetPictures(of: session, except: run)
            return (run, session, try transaction.seriesFiles(of: session), old)
        }
        guard let (run, session, files, old) = taken else { return nil }
        for earlier in old { try await places.store.remove(places.run(earlier, of: session.id)) }
        return (run, session, files)
    }
}

extension DatasetResult {
    init(_ recipe: DatasetRecipe, _ manifest: DatasetManifest) {
        self.recipe = recipe
        count = manifest.count
        dropped = manifest.droppedCount
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
    /// The datasets that count in a session, with the run that made them.
    func datasets(of session: TrainingSession) throws -> (Run, DatasetResult)? {
        guard let id = session.datasetRun, let run = try run(id, of: session.organisation), let result = run.result
        else { return nil }
        return (run, try JSONText.decode(result))
    }
}
