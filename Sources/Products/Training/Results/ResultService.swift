import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Looks at what runs left behind.
struct ResultService: Sendable {
    let database: any Database
    let places: TrainingFilePaths
    let compute: BlockingPool
    let runtime: Runtime

    /// The arrays that can be fetched, by name.
    static let arrays = ["inputs", "outputs", "references"]
    /// Numbers in one request to predict.
    private static let maximumInputs = 2_000_000

    func generated(_ run: Run) async throws(Problem) -> DatasetsGenerated {
        guard let text = run.result else { throw Problem(.resultsNotFound) }
        let result: DatasetResult = try await Problem.catching { try JSONText.decode(text) }
        let plots = try await plots(of: [run])
        return DatasetsGenerated(
            success: true,
            message: "Datasets generated",
            datasetCount: Int64(result.count),
            nDat: Int64(result.count),
            droppedCount: result.dropped,
            violinPlots: plots,
            runId: run.id
        )
    }

    func summary(scope: Scope, session name: String) async throws(Problem) -> ResultSummary {
        try await database.read { transaction in
            let session = try transaction.trainingSession(name, in: scope)
            let models = try transaction.models(of: session).count
            let violins =
                try session.datasetRun.map { try transaction.pictures(of: $0, in: session.organisation) } ?? []
            return ResultSummary(
                nDat: session.datasetCount ?? 0,
                workflowPhase: session.phase,
                hasTrainingResults: try transaction.latestRun(of: session, kind: .training, state: .succeeded) != nil,
                hasTrainedModel: models > 0,
                modelCount: models,
                hasViolinPlots: !violins.isEmpty,
                violinPlotTypes: Set(violins.map(\.kind)).sorted()
            )
        }
    }

    func latest(scope: Scope, session name: String) async throws(Problem) -> ResultView {
        let (run, result) = try await trained(scope, name)
        return ResultView(run, result)
    }

    func evaluation(scope: Scope, session name: String) async throws(Problem) -> EvaluationTables {
        let (_, result) = try await trained(scope, name)
        return EvaluationTables(
            overall: result.evaluation.model.overall,
            bySteps: result.evaluation.model.bySteps,
            modelType: result.mode.rawValue,
            persistence: result.evaluation.persistence?.overall
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

    /// The pictures of the datasets and of the latest model.
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
            message: runs.isEmpty ? "There are no pictures yet" : "The pictures of the latest datasets and model"
        )
    }

    /// Draws a model's forecasts against the truth over the first datasets of the test part.
    func plot(_ request: GeneratePlot, scope: Scope) async throws(Problem) -> PlotDrawn {
        let (session, model) = try await find(scope, request.sessionId, model: request.modelId)
        let (datasets, modelFile) = (try await datasets(of: model, session), file(model, of: session))
        let format = request.plotSettings?.format.flatMap(PlotImage.Format.init) ?? .png
        let image = try await Problem.catching {
            try await compute.run {
                try ForecastDrawing(request).draw(
                    try ForecastMode.load(from: modelFile), on: try datasets.open(), as: format)
            }
        }
        try await database.write { try $0.move(session.id, of: session.organisation, to: .completed) }
        return PlotDrawn(plotData: image.dataURL, message: "Plot drawn")
    }

    func array(scope: Scope, session: String, name array: String?) async throws(Problem) -> Download {
        let name = "\(array ?? Self.arrays[0]).npy"
        return try await download(try await datasets(scope, session).appending(path: name).path, as: name)
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
        try checkFinite(values)
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
        let (session, model) = try await find(scope, name, model: fileName)
        return try await download(file(model, of: session).path, as: model.fileName)
    }

    /// Forecasts from inputs that the caller brings.
    func predict(_ request: Predict, scope: Scope, session name: String) async throws(Problem) -> Predicted {
        let (session, stored) = try await find(scope, name, model: request.modelFilename)
        let datasets = try await datasets(of: stored, session)
        let manifest = try await Problem.catching { try await compute.run { try datasets.manifest() } }
        let rows = try InputRows(
            request.inputData, steps: manifest.inputSteps, columns: manifest.inputColumns.count,
            limit: Self.maximumInputs)
        let scales = request.applyScaling ?? true
        let modelFile = file(stored, of: session)
        let outputs = try await Problem.catching {
            try await compute.run { () -> [Double] in
                var inputs = rows.values
                if scales { manifest.inputScaler.transform(&inputs) }
                var outputs = try ForecastMode.load(from: modelFile).predict(inputs)
                if scales { manifest.outputScaler.inverse(&outputs) }
                return outputs
            }
        }
        try checkFinite(outputs)
        let (steps, width) = (manifest.outputSteps, manifest.outputColumns.count)
        return Predicted(
            predictions: (0..<rows.count).map { row in
                (0..<steps).map { step in
                    let start = (row * steps + step) * width
                    return Array(outputs[start..<(start + width)])
                }
            },
            modelUsed: stored.fileName,
            timestamp: runtime.now(),
            inputCount: rows.count,
            scalingApplied: scales
        )
    }
}

// MARK: Finding things

extension ResultService {
    private func trained(_ scope: Scope, _ name: String) async throws(Problem) -> (Run, TrainingResult) {
        let found = try await database.read { transaction -> (Run, TrainingResult)? in
            let session = try transaction.trainingSession(name, in: scope)
            guard let run = try transaction.latestRun(of: session, kind: .training, state: .succeeded),
                let result = run.result
            else { return nil }
            return (run, try JSONText.decode(result))
        }
        guard let found else { throw Problem(.resultsNotFound, detail: "Train a model first.") }
        return found
    }

    private func find(_ scope: Scope, _ name: String, model fileName: String?) async throws(Problem) -> (
        TrainingSession, StoredModel
    ) {
        try await database.read { transaction in
            let session = try transaction.trainingSession(name, in: scope)
            let models = try transaction.models(of: session)
            guard let model = fileName == nil ? models.first : models.first(where: { $0.fileName == fileName }) else {
                throw Problem(.modelNotFound)
            }
            return (session, model)
        }
    }

    /// The folder of a session's present datasets.
    private func datasets(_ scope: Scope, _ name: String) async throws(Problem) -> URL {
        let run = try await database.read { transaction in
            try transaction.datasets(of: try transaction.trainingSession(name, in: scope))?.0
        }
        guard let run, let folder = folder(of: run) else {
            throw Problem(.resultsNotFound, detail: "Generate the datasets first.")
        }
        return folder
    }

    /// The datasets that a model was trained on.
    private func datasets(of model: StoredModel, _ session: TrainingSession) async throws(Problem) -> ModelDatasets {
        let run = try await database.read { try $0.datasets(of: session)?.0 }
        return ModelDatasets(own: folder(of: model, session), present: run.flatMap { folder(of: $0) })
    }

    private func manifest(_ scope: Scope, _ name: String) async throws(Problem) -> DatasetManifest {
        let datasets = ModelDatasets(own: try await datasets(scope, name), present: nil)
        return try await Problem.catching { try await compute.run { try datasets.manifest() } }
    }

    private func folder(of run: Run) -> URL? {
        run.attempt.map { places.url(places.attempt($0, at: run.id, of: run.session)) }
    }

    private func folder(of model: StoredModel, _ session: TrainingSession) -> URL {
        places.url(places.attempt(model.attempt, at: model.run, of: session.id))
    }

    private func file(_ model: StoredModel, of session: TrainingSession) -> URL {
        folder(of: model, session).appending(path: model.fileName)
    }

    /// The pictures of runs, without those of datasets that were cleared away meanwhile.
    private func plots(of runs: [Run]) async throws(Problem) -> [String: PlotView] {
        let pictures = try await database.read { transaction in
            try runs.flatMap { run in
                try transaction.pictures(of: run.id, in: run.organisation).map {
                    (folder(of: run)?.appending(path: $0.fileName), $0)
                }
            }
        }
        return try await Problem.catching {
            try await compute.run {
                var plots: [String: PlotView] = [:]
                for (file, picture) in pictures {
                    guard let file, let bytes = FileManager.default.contents(atPath: file.path) else { continue }
                    plots[picture.name] = PlotView(
                        data: PlotImage(format: .png, bytes: Array(bytes)).dataURL, type: picture.kind,
                        label: picture.label)
                }
                return plots
            }
        }
    }

    /// JSON has no infinity: numbers that lead there are the caller's to change.
    private func checkFinite(_ values: [Double]) throws(Problem) {
        guard values.allSatisfy(\.isFinite) else {
            throw Problem.invalid("/input_data", "has numbers so large that no finite ones come out")
        }
    }

    private func download(_ path: String, as name: String) async throws(Problem) -> Download {
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
        guard let size else { throw Problem(.resultsNotFound) }
        return Download(path: path, size: size, name: name)
    }
}
