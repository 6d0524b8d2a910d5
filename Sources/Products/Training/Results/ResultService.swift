import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Reads the results of runs: metrics, plots, arrays, scalers and models.
final class ResultService: Sendable {
    let database: any Database
    let locator: ResultLocator
    let compute: BlockingPool

    /// The names of the arrays that can be downloaded.
    static let arrays = ["inputs", "outputs", "references", "parts"]

    init(database: any Database, locator: ResultLocator, compute: BlockingPool) {
        self.database = database
        self.locator = locator
        self.compute = compute
    }

    /// The response to `generate-datasets` for a succeeded run.
    func generated(_ run: Run) async throws(Problem) -> DatasetsGenerated {
        guard let text = run.result else { throw Problem(.resultsNotFound) }
        let result: DatasetResult = try await Problem.catching { try JSONColumn.decode(text) }
        let plots = try await plots(of: [run])
        return DatasetsGenerated(
            success: true,
            message: "Datasets generated",
            datasetCount: Int64(result.count),
            nDat: Int64(result.count),
            droppedCount: result.dropped,
            dropped: result.drops.map(DroppedDatasets.init),
            warnings: result.warnings,
            violinPlots: plots,
            runId: run.id
        )
    }

    func summary(scope: Scope, session name: String) async throws(Problem) -> ResultSummary {
        try await database.read { transaction in
            let session = try transaction.trainingSession(name, in: scope)
            let models = try transaction.models(of: session).count
            let datasets = try transaction.datasets(of: session)?.1
            let violins =
                try session.datasetRun.map { try transaction.plots(of: $0, in: session.organisation) } ?? []
            return ResultSummary(
                nDat: session.datasetCount ?? 0,
                workflowPhase: session.phase,
                hasTrainingResults: try transaction.latestRun(of: session, kind: .training, state: .succeeded) != nil,
                hasTrainedModel: models > 0,
                modelCount: models,
                hasViolinPlots: !violins.isEmpty,
                violinPlotTypes: Set(violins.map(\.kind)).sorted(),
                dropped: datasets?.drops.map(DroppedDatasets.init) ?? [],
                warnings: datasets?.warnings ?? []
            )
        }
    }

    /// - Parameter model: the file name of a model; the latest where nil.
    func result(scope: Scope, session name: String, model: String?) async throws(Problem) -> ResultView {
        let (run, result) = try await trained(scope, name, model)
        return ResultView(run, result)
    }

    /// - Throws: as ``result(scope:session:model:)``, and `results-not-found` where the split has no test part.
    func evaluation(scope: Scope, session name: String, model: String?) async throws(Problem) -> EvaluationTables {
        let (_, result) = try await trained(scope, name, model)
        guard let evaluation = result.evaluation else {
            throw Problem(
                .resultsNotFound, title: "The model has no metrics",
                detail: "The split has no test part. Train with one, such as testPercentage 10.")
        }
        return EvaluationTables(
            overall: evaluation.model.overall,
            bySteps: evaluation.model.bySteps,
            modelType: result.mode.rawValue,
            persistence: evaluation.persistence?.overall,
            persistenceBySteps: evaluation.persistence?.bySteps,
            seasonal: evaluation.seasonal.mapValues {
                .init(datasets: $0.datasets, overall: $0.tables.overall, bySteps: $0.tables.bySteps)
            },
            warnings: result.warnings
        )
    }

    func variables(scope: Scope, session name: String) async throws(Problem) -> PlotVariables {
        let result = try await database.read { transaction in
            try transaction.datasets(of: try transaction.trainingSession(name, in: scope))
        }
        guard let (_, result) = result else { throw Problem(.resultsNotFound) }
        return PlotVariables(
            inputVariables: result.inputColumns, outputVariables: result.outputColumns,
            timeComponents: result.timeColumns)
    }

    /// The plots of the datasets and of the latest model.
    func visualizations(scope: Scope, session name: String) async throws(Problem) -> Visualizations {
        let (session, runs) = try await database.read { transaction -> (TrainingSession, [Run]) in
            let session = try transaction.trainingSession(name, in: scope)
            let datasets = try session.datasetRun.flatMap { try transaction.run($0, of: session.organisation) }
            return (
                session,
                [datasets, try transaction.latestRun(of: session, kind: .training, state: .succeeded)].compactMap(
                    \.self)
            )
        }
        return Visualizations(
            plots: try await plots(of: runs),
            metadata: .init(runIds: runs.map(\.id)),
            createdAt: runs.compactMap(\.finishedAt).max(),
            nDat: session.datasetCount ?? 0,
            message: runs.isEmpty ? "There are no plots yet" : "The plots of the latest datasets and model"
        )
    }

    /// - Parameter model: the file name of a model, for the datasets that it was trained on; the present datasets of
    ///   the session where nil.
    func array(
        scope: Scope, session: String, name array: String?, model: String?
    ) async throws(Problem) -> Download {
        let name = "\(array ?? Self.arrays[0]).npy"
        let folder: URL
        if let model {
            let (session, stored) = try await locator.model(scope, session, fileName: model)
            let datasets = try await locator.datasets(of: stored, session)
            folder = try await Problem.catching { try await compute.run { try datasets.folder() } }
        } else {
            folder = try await locator.datasets(scope, session)
        }
        return try await download(folder.appending(path: name).path, as: name)
    }

    func scalers(scope: Scope, session name: String) async throws(Problem) -> ScalerView {
        ScalerView(try await manifest(scope, name))
    }

    func scalerFile(scope: Scope, session name: String) async throws(Problem) -> Attachment<ScalerView> {
        Attachment(try await scalers(scope: scope, session: name), name: "scalers.json")
    }

    func scale(_ request: ScaleData, scope: Scope, session name: String) async throws(Problem) -> DataScaled {
        let manifest = try await manifest(scope, name)
        let width = manifest.inputColumns.count
        var values: [Double] = []
        for (index, row) in request.inputData.enumerated() {
            guard row.count == width else {
                throw Problem.invalid("/input_data/\(index)", "must have \(width) numbers, one for each input column")
            }
            values += row
        }
        manifest.inputScaler.transform(&values)
        try InputRows.requireFinite(values)
        let rows = stride(from: 0, to: values.count, by: max(1, width)).map { Array(values[$0..<($0 + width)]) }
        return DataScaled(scaledData: rows, scalingInfo: ScalerView(manifest))
    }

    func models(scope: Scope, session name: String) async throws(Problem) -> ModelList {
        let models = try await database.read { transaction in
            try transaction.models(of: try transaction.trainingSession(name, in: scope))
        }
        let views = models.map {
            ModelList.Model(
                id: $0.id, filename: $0.fileName, mode: $0.mode, bytes: $0.bytes, runId: $0.run, createdAt: $0.createdAt
            )
        }
        return ModelList(success: true, data: .init(models: views, count: views.count))
    }

    func model(scope: Scope, session name: String, fileName: String?) async throws(Problem) -> Download {
        let (session, model) = try await locator.model(scope, name, fileName: fileName)
        return try await download(locator.file(model, of: session).path, as: model.fileName)
    }

    private func trained(_ scope: Scope, _ name: String, _ model: String?) async throws(Problem) -> (
        Run, TrainingResult
    ) {
        let found = try await database.read { transaction -> (Run, TrainingResult)? in
            let session = try transaction.trainingSession(name, in: scope)
            let run: Run?
            if let model {
                guard let stored = try transaction.models(of: session).first(where: { $0.fileName == model }) else {
                    throw Problem(.modelNotFound)
                }
                run = try transaction.run(stored.run, of: session.organisation)
            } else {
                run = try transaction.latestRun(of: session, kind: .training, state: .succeeded)
            }
            guard let run, let result = run.result else { return nil }
            return (run, try JSONColumn.decode(result))
        }
        guard let found else { throw Problem(.resultsNotFound, detail: "Train a model first.") }
        return found
    }

    private func manifest(_ scope: Scope, _ name: String) async throws(Problem) -> DatasetManifest {
        let datasets = ModelDatasets(own: try await locator.datasets(scope, name), present: nil)
        return try await Problem.catching { try await compute.run { try datasets.manifest() } }
    }

    /// The plots of runs. Plots whose files a later run has removed are omitted.
    private func plots(of runs: [Run]) async throws(Problem) -> [String: PlotView] {
        let stored = try await database.read { [locator] transaction in
            try runs.flatMap { run in
                try transaction.plots(of: run.id, in: run.organisation).map { plot in
                    (locator.folder(of: run)?.appending(path: plot.fileName), plot)
                }
            }
        }
        return try await Problem.catching {
            try await compute.run {
                var views: [String: PlotView] = [:]
                for (file, plot) in stored {
                    guard let file, let bytes = FileManager.default.contents(atPath: file.path) else { continue }
                    views[plot.name] = PlotView(
                        data: PlotImage(format: .png, bytes: Array(bytes)).dataURL, type: plot.kind, label: plot.label)
                }
                return views
            }
        }
    }

    private func download(_ path: String, as name: String) async throws(Problem) -> Download {
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
        guard let size else { throw Problem(.resultsNotFound) }
        return Download(path: path, size: size, name: name)
    }
}
