import Forecasting
import Modules
import Plotting

/// Renders the plot of `POST /v1/training/generate-plot`: forecasts, measured values and inputs over the test part.
struct ForecastPlot: Sendable {
    let request: GeneratePlot

    init(_ request: GeneratePlot) { self.request = request }

    /// - Throws: `results-not-found` where the test part is empty, `validation-failed` where the step is out of range.
    func image(_ model: any ForecastModel, on dataset: Dataset, as format: PlotImage.Format) throws -> PlotImage {
        let axis = TestPartAxis(dataset, limit: request.plotSettings?.datasets ?? 240)
        guard !axis.rows.isEmpty else { throw Problem(.resultsNotFound, title: "The test part is empty") }
        let shape = dataset.shape
        let step = (request.plotSettings?.step ?? shape.outputSteps) - 1
        guard (0..<shape.outputSteps).contains(step) else {
            throw Problem.invalid("/plot_settings/step", "must be at most \(shape.outputSteps)")
        }
        let (truth, forecast) = try dataset.forecasts(by: model, rows: axis.rows)
        var series: [LineChart.Series] = []
        for (index, column) in dataset.manifest.outputColumns.enumerated() {
            func add(_ name: String, _ values: [Double]) {
                series.append(
                    .init(
                        name: name, x: axis.times,
                        y: axis.values { values[$0 * shape.outputCount + step * shape.outputFeatures + index] }))
            }
            if request.outputs?[column.name] ?? true { add("\(column.name) truth", truth) }
            if request.forecasts?[column.name] ?? true { add("\(column.name) \(model.mode.rawValue)", forecast) }
        }
        for (index, column) in dataset.manifest.inputColumns.enumerated() where request.inputs?[column.name] ?? false {
            let last = (shape.inputSteps - 1) * shape.inputFeatures + index
            series.append(
                .init(name: column.name, x: axis.times, y: axis.values { dataset.inputs(Int(axis.rows[$0]))[last] }))
        }
        return try LineChart(
            title: "Step \(step + 1) of each forecast", xTitle: "reference time (UTC)", horizontal: .time,
            series: series
        ).image(
            as: format, scale: 1)
    }
}
