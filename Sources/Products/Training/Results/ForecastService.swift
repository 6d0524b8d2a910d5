import Files
import Forecasting
import Identity
import Modules
import Plotting

/// Computes forecasts with trained models: from inputs of a request, and as plots over the test part.
final class ForecastService: Sendable {
    let database: any Database
    let locator: ResultLocator
    let compute: BlockingPool
    let runtime: Runtime

    init(database: any Database, locator: ResultLocator, compute: BlockingPool, runtime: Runtime) {
        self.database = database
        self.locator = locator
        self.compute = compute
        self.runtime = runtime
    }

    /// Predicts from the inputs of the payload.
    /// - Throws: `session-not-found`, `model-not-found`, `validation-failed`.
    func predict(_ request: Predict, scope: Scope, session name: String) async throws(Problem) -> Predicted {
        let (session, stored) = try await locator.model(scope, name, fileName: request.modelFilename)
        let datasets = try await locator.datasets(of: stored, session)
        let manifest = try await Problem.catching { try await compute.run { try datasets.manifest() } }
        let rows = try InputRows(
            request.inputData, steps: manifest.inputSteps, columns: manifest.inputColumns.count,
            limit: Predict.numbersMax)
        let outputNumbers = manifest.outputSteps * manifest.outputColumns.count
        guard rows.count * outputNumbers <= Predict.numbersMax else {
            throw Problem.invalid(
                "/input_data",
                "must have at most \(Predict.numbersMax / outputNumbers) rows: the response has at most "
                    + "\(Predict.numbersMax) numbers")
        }
        let scales = request.applyScaling ?? true
        let modelFile = locator.file(stored, of: session)
        let outputs = try await Problem.catching {
            try await compute.run { () -> [Double] in
                var inputs = rows.values
                if scales { manifest.inputScaler.transform(&inputs) }
                var outputs = try ForecastMode.load(from: modelFile).predict(inputs)
                if scales { manifest.outputScaler.inverse(&outputs) }
                return outputs
            }
        }
        try InputRows.requireFinite(outputs)
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

    /// Plots a model's forecasts and the measured values over the first datasets of the test part.
    func plot(_ request: GeneratePlot, scope: Scope) async throws(Problem) -> PlotDrawn {
        let (session, model) = try await locator.model(scope, request.sessionId, fileName: request.modelId)
        let datasets = try await locator.datasets(of: model, session)
        let modelFile = locator.file(model, of: session)
        let format = request.plotSettings?.format.flatMap(PlotImage.Format.init) ?? .png
        let image = try await Problem.catching {
            try await compute.run {
                try ForecastPlot(request).image(
                    try ForecastMode.load(from: modelFile), on: try datasets.open(), as: format)
            }
        }
        try await database.write { try $0.move(session.id, of: session.organisation, to: .completed) }
        return PlotDrawn(plotData: image.dataURL, message: "Plot drawn")
    }
}
