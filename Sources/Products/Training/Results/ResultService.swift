import Files
import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// Looks at what runs left behind.
struct Results: Sendable {
    let database: any Database
    let places: TrainingPlaces
    let compute: BlockingPool

    /// The arrays that can be fetched, by name.
    static let arrays = ["inputs", "outputs", "references"]
    /// Numbers in one request to predict.
    private static let maximumInputs = 2_000_000

    func generated(_ run: Run) async throws(Problem) -> DatasetsGenerated {
        guard let text = run.result else { throw Problem(.resultsNotFound) }
        let result: DatasetResult = try await Problem.catching { try JSONText.decode(text) }
        let plots = try await plots(of: [run.id], session: run.session, organisation: run.organisation)
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
            let violins = try session.datasetRun.map { try transaction.pictures(of: $0, in: session.organisation) } ?? []
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
        let result = try await database.read { transaction in try transaction.datasets(of: try transaction.trainingSession(name, in: scope)) }
        guard let result else { throw Problem(.resultsNotFound) }
        return PlotVariables(inputVariables: result.inputColumns, outputVariables: result.outputColumns, timeComponents: result.timeColumns)
    }

    /// The pictures of the datasets and of the latest model.
    func visualizations(scope: Scope, session name: String) async throws(Problem) -> Visualizations {
        let (session, runs) = try await database.read { transaction -> (TrainingSession, [Run]) in
            let session = try transaction.trainingSession(name, in: scope)
            let datasets = try session.datasetRun.flatMap { try transaction.run($0, of: session.organisation) }
            return (session, [datasets, try transaction.latestRun(of: session, kind: .training, state: .succeeded)].compactMap(\.self))
        }
        return Visualizations(
            plots: try await plots(of: runs.map(\.id), session: session.id, organisation: session.organisation),
            metadata: .init(runIds: runs.map(\.id)),
            createdAt: runs.compactMap(\.finishedAt).max(),
            nDat: session.datasetCount ?? 0,
            message: runs.isEmpty ? "There are no pictures yet" : "The pictures of the latest datasets and model"
        )
    }

    /// Draws a model's forecasts against the truth over the first datasets of the test part.
    func plot(_ request: GeneratePlot, scope: Scope) async throws(Problem) -> PlotDrawn {
        let (session, model) = try await find(scope, request.sessionId, model: request.modelId)
        let (datasetFolder, modelFile) = (folder(try datasetRun(session), of: session), file(model, of: session))
        let format = request.plotSettings?.format.flatMap(PlotImage.Format.init) ?? .png
        let image = try await Problem.catching {
            try await compute.run { try ForecastDrawing(request).draw(try ForecastMode.load(from: modelFile), on: try Dataset(datasetFolder), as: format) }
        }
        try await database.write { try $0.move(session.id, of: session.organisation, to: .completed) }
        return PlotDrawn(plotData: image.dataURL, message: "Plot drawn")
    }

    func array(scope: Scope, session name: String, name array: String?) async throws(Problem) -> Download {
        let session = try await database.read { try $0.trainingSession(name, in: scope) }
        let file = folder(try datasetRun(session), of: session).appending(path: "\(array ?? "inputs").npy").path()
        return try await download(file, as: "\(array ?? "inputs").npy")
    }

    func scalers(scope: Scope, session name: String) async throws(Problem) -> ScalerView { ScalerView(try await manifest(scope, name)) }

    func scalerFile(scope: Scope, session name: String) async throws(Problem) -> Attachment<ScalerView> {
        Attachment(try await scalers(scope: scope, session: name), name: "scalers.json")
    }

    func scale(_ request: ScaleData, scope: Scope, session name: String) async throws(Problem) -> DataScaled {
        let manifest = try await manifest(scope, name)
        let width = manifest.inputColumns.count
        var values: [Double] = []
        for (index, row) in request.inputData.enumerated() {
            guard row.count == width else { throw Problem.invalid("/input_data/\(index)", "must have \(width) numbers, one for each input column") }
            values += row
        }
        manifest.inputScaler.transform(&values)
        let rows = stride(from: 0, to: values.count, by: max(1, width)).map { Array(values[$0..<($0 + width)]) }
        return DataScaled(scaledData: rows, scalingInfo: ScalerView(manifest))
    }

    func models(scope: Scope, session name: String) async throws(Problem) -> ModelList {
        let models = try await database.read { transaction in try transaction.models(of: try transaction.trainingSession(name, in: scope)) }
        let views = models.map { ModelList.Model(id: $0.id, filename: $0.fileName, mode: $0.mode, bytes: $0.bytes, runId: $0.run, createdAt: $0.createdAt) }
        return ModelList(success: true, data: .init(models: views, count: views.count))
    }

    func model(scope: Scope, session name: String, fileName: String?) async throws(Problem) -> Download {
        let (session, model) = try await find(scope, name, model: fileName)
        return try await download(file(model, of: session).path(), as: model.fileName)
    }

    /// Forecasts from inputs that the caller brings.
    func predict(_ request: Predict, scope: Scope, session name: String) async throws(Problem) -> Predicted {
        let (session, stored) = try await find(scope, name, model: request.modelFilename)
        let manifest = try await manifest(of: stored, session)
        let rows = try InputRows(request.inputData, steps: manifest.inputSteps, columns: manifest.inputColumns.count, limit: Self.maximumInputs)
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
        let (steps, width) = (manifest.outputSteps, manifest.outputColumns.count)
        return Predicted(
            predictions: (0..<rows.count).map { row in
                (0..<steps).map { step in
                    let start = (row * steps + step) * width
                    return Array(outputs[start..<(start + width)])
                }
            },
            modelUsed: stored.fileName,
            timestamp: Runtime.system.now(),
            inputCount: rows.count,
            scalingApplied: scales
        )
    }
}

// MARK: Finding things

extension Results {
    private func trained(_ scope: Scope, _ name: String) async throws(Problem) -> (Run, TrainingResult) {
        let found = try await database.read { transaction -> (Run, TrainingResult)? in
            let session = try transaction.trainingSession(name, in: scope)
            guard let run = try transaction.latestRun(of: session, kind: .training, state: .succeeded), let result = run.result else { return nil }
            return (run, try JSONText.decode(result))
        }
        guard let found else { throw Problem(.resultsNotFound, detail: "Train a model first.") }
        return found
    }

    private func find(_ scope: Scope, _ name: String, model fileName: String?) async throws(Problem) -> (TrainingSession, StoredModel) {
        try await database.read { transaction in
            let session = try transaction.trainingSession(name, in: scope)
            let models = try transaction.models(of: session)
            guard let model = fileName == nil ? models.first : models.first(where: { $0.fileName == fileName }) else { throw Problem(.modelNotFound) }
            return (session, model)
        }
    }

    private func datasetRun(_ session: TrainingSession) throws(Problem) -> ID<Run> {
        guard let run = session.datasetRun else { throw Problem(.resultsNotFound, detail: "Generate the datasets first.") }
        return run
    }

    private func folder(_ run: ID<Run>, of session: TrainingSession) -> URL { URL(filePath: places.store.path(of: places.run(run, of: session.id))) }

    private func file(_ model: StoredModel, of session: TrainingSession) -> URL { folder(model.run, of: session).appending(path: model.fileName) }

    private func manifest(_ scope: Scope, _ name: String) async throws(Problem) -> DatasetManifest {
        let session = try await database.read { try $0.trainingSession(name, in: scope) }
        return try await manifest(in: folder(try datasetRun(session), of: session))
    }

    /// The manifest that a model was trained by: its own run's where that made datasets of its own.
    private func manifest(of model: StoredModel, _ session: TrainingSession) async throws(Problem) -> DatasetManifest {
        let own = folder(model.run, of: session)
        if FileManager.default.fileExists(atPath: own.appending(path: "manifest.json").path()) { return try await manifest(in: own) }
        return try await manifest(in: folder(try datasetRun(session), of: session))
    }

    private func manifest(in folder: URL) async throws(Problem) -> DatasetManifest {
        try await Problem.catching {
            try await compute.run { try JSONDecoder().decode(DatasetManifest.self, from: Data(contentsOf: folder.appending(path: "manifest.json"))) }
        }
    }

    private func plots(of runs: [ID<Run>], session: ID<TrainingSession>, organisation: ID<Organisation>) async throws(Problem) -> [String: PlotView] {
        let pictures = try await database.read { transaction in try runs.flatMap { run in try transaction.pictures(of: run, in: organisation).map { (run, $0) } } }
        return try await Problem.catching {
            try await compute.run {
                var plots: [String: PlotView] = [:]
                for (run, picture) in pictures {
                    let file = URL(filePath: places.store.path(of: places.run(run, of: session))).appending(path: picture.fileName)
                    let image = PlotImage(format: .png, bytes: Array(try Data(contentsOf: file)))
                    plots[picture.name] = PlotView(data: image.dataURL, type: picture.kind, label: picture.label)
                }
                return plots
            }
        }
    }

    private func download(_ path: String, as name: String) async throws(Problem) -> Download {
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
        guard let size else { throw Problem(.resultsNotFound) }
        return Download(path: path, size: size, name: name)
    }
}
