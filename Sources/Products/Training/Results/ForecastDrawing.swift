import Forecasting
import Modules
import Plotting

/// A plot of forecasts that a client asked for.
struct ForecastDrawing: Sendable {
    let request: GeneratePlot

    init(_ request: GeneratePlot) { self.request = request }

    func draw(_ model: any ForecastModel, on dataset: Dataset, as format: PlotImage.Format) throws -> PlotImage {
        let line = TestPartLine(dataset, limit: request.plotSettings?.datasets ?? 240)
        guard !line.rows.isEmpty else { throw Problem(.resultsNotFound, title: "The test part is empty") }
        let shape = dataset.shape
        let step = (request.plotSettings?.step ?? shape.outputSteps) - 1
        guard (0..<shape.outputSteps).contains(step) else {
            throw Problem.invalid("/plot_settings/step", "must be at most \(shape.outputSteps)")
        }
        let (truth, forecast) = try dataset.forecasts(by: model, rows: line.rows)
        var series: [LineChart.Series] = []
        for (index, column) in dataset.manifest.outputColumns.enumerated() {
            func add(_ name: String, _ values: [Double]) {
                series.append(
                    .init(
                        name: name, x: line.times,
                        y: line.values { values[$0 * shape.outputCount + step * shape.outputFeatures + index] }))
            }
            if request.outputs?[column.name] ?? true { add("\(column.name) truth", truth) }
            if request.forecasts?[column.name] ?? true { add("\(column.name) \(model.mode.rawValue)", forecast) }
        }
        for (index, column) in dataset.manifest.inputColumns.enumerated() where request.inputs?[column.name] ?? false {
            let last = (shape.inputSteps - 1) * shape.inputFeatures + index
            series.append(
                .init(name: column.name, x: line.times, y: line.values { dataset.inputs(Int(line.rows[$0]))[last] }))
        }
        return try LineChart(
            title: "Step \(step + 1) of each forecast", xTitle: "reference time (UTC)", horizontal: .time,
            series: series
        ).image(
            as: format, scale: 1)
    }
}
