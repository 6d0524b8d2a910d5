import Audit
import Entitlements
import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Trains the model of one run.
struct TrainingJob: Job {
    static let name = "training.train"
    let run: ID<Run>
    let organisation: ID<Organisation>
}

/// What a run that trained a model leaves behind, kept with the run.
struct TrainingResult: Codable, Sendable {
    var mode: ForecastMode
    var parameters: ForecastParameters
    var split: DatasetSplit
    var evaluation: Evaluation
    var epochs: [EpochReport]
    var seconds: Double
    var modelFileName: String
}

/// The worker of ``TrainingJob``.
struct TrainingWorker: Sendable {
    let database: any Database
    let quotas: QuotaService
    let places: TrainingFilePaths
    let compute: BlockingPool
    let audit: AuditModule
    let runtime: Runtime

    var worker: Worker {
        Worker(
            TrainingJob.self,
            perform: perform,
            abandoned: { job, why, transaction in
                try RunJob.abandon(job.run, of: job.organisation, why, quotas, audit, in: transaction)
            }
        )
    }

    @Sendable private func perform(_ job: TrainingJob, context: JobContext) async throws -> JobOutcome {
        guard let (run, found) = try await take(job) else { return .done }
        guard let (datasetRun, datasets) = found, let attempt = datasetRun.attempt else {
            throw JobFailure.permanent("The session has no datasets any more.")
        }
        let request: TrainModels = try JSONText.decode(run.request)
        let parameters = request.modelParameters.forecast
        let split = try request.trainingSplit?.split() ?? datasets.recipe.split
        let common = places.url(places.attempt(attempt, at: datasetRun.id, of: run.session))
        let name = "\(parameters.mode.rawValue.lowercased())-\(run.id.text.suffix(12)).safetensors"
        let trained = try await RunJob.inFolder(of: run, context, places) { own in
            try await RunJob.compute(on: compute, context) { report in
                do {
                    // Another split has other training data, and so another scaler: such datasets are this run's own.
                    var source = common
                    if split != datasets.recipe.split {
                        var recipe = datasets.recipe
                        recipe.split = split
                        _ = try DatasetGenerator(recipe).run(
                            into: own,
                            progress: { fraction, _ in report(.init(percent: fraction * 5, phase: "datasets")) },
                            checkCancellation: context.checkCancellation
                        )
                        source = own
                    } else {
                        try ModelDatasets.keepManifest(of: common, in: own)
                    }
                    return try TrainedModel(
                        parameters, on: Dataset(source), named: name, into: own, report: report,
                        checkCancellation: context.checkCancellation)
                } catch let fault as DatasetFault {
                    throw JobFailure.permanent(fault.message)
                } catch let fault as ModelFault {
                    throw JobFailure.permanent(fault.message)
                } catch let fault as SeriesFault {
                    throw JobFailure.permanent(fault.message)
                }
            }
        }
        let result = try JSONText.encode(trained.result(parameters, split))
        return .done { transaction in
            guard try transaction.succeed(run, result: result, attempt: context.fence) else { return }
            try transaction.insertModel(
                trained.fileName, mode: parameters.mode, bytes: trained.bytes, run: run, id: runtime.id())
            for (position, plot) in trained.plots.enumerated() {
                try transaction.insert(plot, run: run, position: position)
            }
            try transaction.move(run.session, of: run.organisation, to: .phase4)
            try quotas.commit(run.reservation, in: transaction)
            try audit.record(
                AuditEvent(
                    "run.succeeded", actor: run.startedBy.text, organisation: run.organisation.text,
                    subject: run.id.text, details: ["kind": "training"]),
                in: transaction
            )
        }
    }

    private func take(_ job: TrainingJob) async throws -> (Run, datasets: (Run, DatasetResult)?)? {
        try await database.write { transaction in
            guard let run = try transaction.run(job.run, of: job.organisation), try transaction.begin(run),
                let session = try transaction.trainingSession(run.session, of: job.organisation)
            else { return nil }
            try quotas.extend(run.reservation, in: transaction)
            return (run, try transaction.datasets(of: session))
        }
    }
}

/// A model, judged and drawn: everything of a training run that takes computing.
private struct TrainedModel: Sendable {
    let fileName: String
    let bytes: Int64
    let evaluation: Evaluation
    let epochs: [EpochReport]
    let seconds: Double
    let plots: [Picture]

    init(
        _ parameters: ForecastParameters,
        on dataset: Dataset,
        named fileName: String,
        into folder: URL,
        report: (RunJob.Progress) -> Void,
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
                    "epoch \(epoch.epoch) of \(epoch.epochs), loss \(Self.short(loss)), about \(Int(epoch.secondsLeft.rounded())) s left"
                report(
                    .init(
                        percent: 6 + 74 * Double(epoch.epoch) / Double(epoch.epochs), phase: "training",
                        message: message))
            },
            checkCancellation: checkCancellation
        )
        report(.init(percent: 82, phase: "evaluation"))
        evaluation = try Evaluation(of: model, on: dataset, checkCancellation: checkCancellation)
        report(.init(percent: 92, phase: "plots"))
        plots = try ForecastPictures.draw(model, on: dataset, epochs: epochs, into: folder)
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
            epochs: epochs,
            seconds: seconds,
            modelFileName: fileName
        )
    }

    private static func short(_ value: Double) -> String { String(format: "%.5g", value) }
}
