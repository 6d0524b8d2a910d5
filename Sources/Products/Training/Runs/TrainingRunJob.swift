import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Trains the model of one run.
struct TrainingRunJob: RunJob {
    static let name = "training.train-model"
    static let lane = JobLane.compute
    let run: ID<Run>
    let organisation: ID<Organisation>
}

/// The result of a run that trained a model, stored in its row.
struct TrainingResult: Codable, Sendable {
    var mode: ForecastMode
    var parameters: ForecastParameters
    var split: DatasetSplit
    /// Nil where the split has no test part.
    var evaluation: Evaluation?
    var warnings: [String]
    var epochs: [EpochReport]
    var seconds: Double
    var modelFileName: String
}

/// The worker of ``TrainingRunJob``.
final class TrainingRunWorker: Sendable {
    let database: any Database
    let settlement: RunSettlementService
    let workspace: RunWorkspace
    let events: RunEventService
    let runtime: Runtime

    init(
        database: any Database, settlement: RunSettlementService, workspace: RunWorkspace, events: RunEventService,
        runtime: Runtime
    ) {
        self.database = database
        self.settlement = settlement
        self.workspace = workspace
        self.events = events
        self.runtime = runtime
    }

    var worker: Worker { settlement.worker(perform: perform) }

    @Sendable private func perform(_ job: TrainingRunJob, context: JobContext) async throws -> JobOutcome {
        guard let (run, session, found) = try await start(job) else { return .done }
        guard let (datasetRun, datasets) = found, let attempt = datasetRun.attempt else {
            throw JobFailure.permanent("The session has no datasets.")
        }
        let request: TrainModels = try JSONColumn.decode(run.request)
        let parameters = request.modelParameters.forecast
        let split = try request.trainingSplit?.split() ?? datasets.recipe.split
        let filePaths = workspace.filePaths
        let sessionDatasets = filePaths.url(filePaths.attempt(attempt, at: datasetRun.id, of: run.session))
        let name = "\(parameters.mode.rawValue.lowercased())-\(run.id.text.suffix(12)).safetensors"
        let trained = try await workspace.withFolder(of: run, context) { folder in
            try await workspace.compute(
                context,
                publishing: { [events] progress, epochs in
                    await events.progressed(
                        run, of: session, model: .init(parameters), progress, epochs: epochs, logger: context.logger)
                }
            ) { [workspace] report in
                // Another split gives other training data and so other scalers: the run generates datasets of its own.
                var source = sessionDatasets
                if split != datasets.recipe.split {
                    var recipe = datasets.recipe
                    recipe.split = split
                    _ = try workspace.generator(recipe, for: run).run(
                        into: folder,
                        progress: { fraction, _ in report(.init(percent: fraction * 5, phase: "datasets")) },
                        checkCancellation: context.checkCancellation
                    )
                    source = folder
                } else {
                    try ModelDatasets.copyManifest(of: sessionDatasets, to: folder)
                }
                return try TrainedModel(
                    parameters, on: Dataset(source), named: name, into: folder, report: report,
                    checkCancellation: context.checkCancellation)
            }
        }
        let result = try JSONColumn.encode(trained.result(parameters, split))
        let bytes = try await workspace.bytes(of: run, context)
        return .done { [settlement, events, runtime] transaction in
            guard try transaction.succeed(run, result: result, attempt: context.fence, storageBytes: bytes) else {
                return
            }
            try transaction.insertModel(
                trained.fileName, mode: parameters.mode, bytes: trained.bytes, run: run, id: runtime.id())
            for (position, plot) in trained.plots.enumerated() {
                try transaction.insert(plot, run: run, position: position)
            }
            try transaction.move(run.session, of: run.organisation, to: .phase4)
            try settlement.settle(run, storageBytes: bytes, in: transaction)
            try events.succeeded(run, of: session, model: .init(parameters), in: transaction)
        }
    }

    /// Marks the run as running.
    /// - Returns: with the client's id of the session; nil where the run is finished.
    private func start(_ job: TrainingRunJob) async throws -> (Run, session: String, datasets: (Run, DatasetResult)?)? {
        try await database.write { [settlement, events] transaction in
            guard let (run, session) = try settlement.begin(job, in: transaction) else { return nil }
            let datasets = try transaction.datasets(of: session)
            let request: TrainModels = try JSONColumn.decode(run.request)
            try events.started(run, of: session, model: .init(request.modelParameters.forecast), in: transaction)
            return (run, session.clientID, datasets)
        }
    }
}

/// A trained, evaluated and plotted model: the computing part of a training run.
private struct TrainedModel: Sendable {
    let fileName: String
    let bytes: Int64
    let evaluation: Evaluation?
    let warnings: [String]
    let epochs: [EpochReport]
    let seconds: Double
    let plots: [Plot]

    init(
        _ parameters: ForecastParameters,
        on dataset: Dataset,
        named fileName: String,
        into folder: URL,
        report: (RunProgress) -> Void,
        checkCancellation: () throws -> Void
    ) throws {
        let started = ContinuousClock.now
        report(.init(percent: 6, phase: "training", message: parameters.mode.rawValue))
        var epochs: [EpochReport] = []
        let model = try parameters.train(
            on: dataset,
            epochEnded: { epoch in
                epochs.append(epoch)
                let loss = epoch.validationLoss ?? epoch.loss
                let message =
                    "epoch \(epoch.epoch) of \(epoch.epochs), loss \(Self.short(loss)), "
                    + "about \(Int(epoch.secondsLeft.rounded())) s left"
                report(
                    .init(
                        percent: 6 + 74 * Double(epoch.epoch) / Double(epoch.epochs), phase: "training",
                        message: message, epoch: epoch))
            },
            progress: { epoch, fraction in
                report(
                    .init(
                        percent: 6 + 74 * (Double(epoch - 1) + fraction) / Double(parameters.epochs), phase: "training",
                        message: "epoch \(epoch) of \(parameters.epochs), \(Int(fraction * 100)) %"))
            },
            checkCancellation: checkCancellation
        )
        report(.init(percent: 82, phase: "evaluation"))
        evaluation =
            dataset.rows(of: .test).isEmpty
            ? nil : try Evaluation(of: model, on: dataset, checkCancellation: checkCancellation)
        warnings = dataset.manifest.warnings
        report(.init(percent: 92, phase: "plots"))
        plots = try ForecastPlots.draw(
            model, on: dataset, epochs: epochs, into: folder, checkCancellation: checkCancellation)
        report(.init(percent: 97, phase: "saving"))
        self.fileName = fileName
        let file = folder.appending(path: fileName)
        try model.save(to: file)
        bytes = Int64(try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0)
        self.epochs = epochs
        seconds = (ContinuousClock.now - started).inSeconds
    }

    func result(_ parameters: ForecastParameters, _ split: DatasetSplit) -> TrainingResult {
        TrainingResult(
            mode: parameters.mode,
            parameters: parameters,
            split: split,
            evaluation: evaluation,
            warnings: warnings,
            epochs: epochs,
            seconds: seconds,
            modelFileName: fileName
        )
    }

    private static func short(_ value: Double) -> String { String(format: "%.5g", value) }
}
