import Forecasting
import Modules
import Plotting

/// A plot of forecasts that a client asked for.
struct ForecastDrawing: Sendable {
    let request: GeneratePlot

    init(_ request: GeneratePlot) { self.request = request }

    func draw(_ model: any ForecastModel, on dataset: Dataset, as format: PlotImage.Format) throws -> PlotImage {
        let rows = Array(dataset.rows(of: .test).prefix(request.plotSettings?.datasets ?? 240))
        guard !rows.isEmpty else { throw Problem(.resultsNotFound, title: "The test part is empty") }
        let shape = dataset.shape
        let step = (request.plotSettings?.step ?? shape.outputSteps) - 1
        guard (0..<shape.outputSteps).contains(step) else { throw Problem.invalid("/plot_settings/step", "must be at most \(shape.outputSteps)") }
        let (truth, forecast) = try dataset.forecasts(by: model, rows: rows)
        let times = rows.map { Double(dataset.reference(Int($0))) / 1e6 }
        var series: [LineChart.Series] = []
        for (index, column) in dataset.manifest.outputColumns.enumerated() {
            func line(_ values: [Double]) -> [Double] { rows.indices.map { values[$0 * shape.outputCount + step * shape.outputFeatures + index] } }
            if request.outputs?[column.name] ?? true { series.append(.init(name: "\(column.name) truth", x: times, y: line(truth))) }
            if request.forecasts?[column.name] ?? true { series.append(.init(name: "\(column.name) \(model.mode.rawValue)", x: times, y: line(forecast))) }
        }
        for (index, column) in dataset.manifest.inputColumns.enumerated() where request.inputs?[column.name] ?? false {
            let values = rows.map { dataset.inputs(Int($0))[(shape.inputSteps - 1) * shape.inputFeatures + index] }
            series.append(.init(name: column.name, x: times, y: values))
        }
        return try LineChart(title: "Step \(step + 1) of each forecast", xTitle: "reference time (UTC)", horizontal: .time, series: series).image(as: format, scale: 1)
    }
}
