import Forecasting
import Modules
import Plotting

/// Renders the plot of `POST /v1/training/generate-plot`: forecasts, measured values and inputs, over the times that
/// the values are for.
struct ForecastPlot: Sendable {
    let request: GeneratePlot

    init(_ request: GeneratePlot) { self.request = request }

    /// - Throws: `results-not-found` where the test part is empty, `validation-failed` where a setting is out of range
    /// or
    ///   a name is not one of a column.
    func image(_ model: any ForecastModel, on dataset: Dataset, as format: PlotImage.Format) throws -> PlotImage {
        try checkNames(dataset.manifest)
        let chart = try request.plotSettings?.forecast.map { try course($0, model, on: dataset) }
        return try (chart ?? steps(model, on: dataset)).image(as: format, scale: 1)
    }

    /// One step of many forecasts.
    private func steps(_ model: any ForecastModel, on dataset: Dataset) throws -> LineChart {
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
            let times = axis.times(at: column.offsets(steps: shape.outputSteps)[step])
            func add(_ name: String, _ values: [Double]) {
                series.append(
                    .init(
                        name: name, x: times,
                        y: axis.values { values[$0 * shape.outputCount + step * shape.outputFeatures + index] }))
            }
            if request.outputs?[column.name] ?? true { add("\(column.name) truth", truth) }
            if request.forecasts?[column.name] ?? true { add("\(column.name) \(model.mode.rawValue)", forecast) }
        }
        for (index, column) in dataset.manifest.inputColumns.enumerated() where request.inputs?[column.name] ?? false {
            let last = (shape.inputSteps - 1) * shape.inputFeatures + index
            let times = axis.times(at: column.offsets(steps: shape.inputSteps)[shape.inputSteps - 1])
            series.append(
                .init(name: column.name, x: times, y: axis.values { dataset.inputs(Int(axis.rows[$0]))[last] }))
        }
        return LineChart(
            title: "Step \(step + 1) of each forecast", xTitle: "time (UTC)", horizontal: .time, series: series)
    }

    /// All steps of one forecast.
    private func course(_ number: Int, _ model: any ForecastModel, on dataset: Dataset) throws -> LineChart {
        guard request.plotSettings?.step == nil, request.plotSettings?.datasets == nil else {
            throw Problem.invalid("/plot_settings/forecast", "must not be sent with step or datasets")
        }
        let rows = dataset.rows(of: .test)
        guard !rows.isEmpty else { throw Problem(.resultsNotFound, title: "The test part is empty") }
        guard number <= rows.count else {
            throw Problem.invalid("/plot_settings/forecast", "must be at most \(rows.count)")
        }
        let row = rows[number - 1]
        let shape = dataset.shape
        let (truth, forecast) = try dataset.forecasts(by: model, rows: [row])
        let reference = Double(dataset.reference(Int(row))) / 1e6
        var series: [LineChart.Series] = []
        func add(_ name: String, _ column: DatasetManifest.Column, _ values: [Double], _ steps: Int, _ index: Int) {
            let width = values.count / steps
            series.append(
                .init(
                    name: name, x: column.offsets(steps: steps).map { reference + Double($0) / 1e6 },
                    y: (0..<steps).map { values[$0 * width + index] }))
        }
        for (index, column) in dataset.manifest.outputColumns.enumerated() {
            if request.outputs?[column.name] ?? true {
                add("\(column.name) truth", column, truth, shape.outputSteps, index)
            }
            if request.forecasts?[column.name] ?? true {
                add("\(column.name) \(model.mode.rawValue)", column, forecast, shape.outputSteps, index)
            }
        }
        for (index, column) in dataset.manifest.inputColumns.enumerated() where request.inputs?[column.name] ?? false {
            add(column.name, column, dataset.inputs(Int(row)), shape.inputSteps, index)
        }
        return LineChart(
            title: "Forecast \(number) of the test part", xTitle: "time (UTC)", horizontal: .time, series: series)
    }

    private func checkNames(_ manifest: DatasetManifest) throws(Problem) {
        let outputs = manifest.outputColumns.map(\.name)
        let inputs = manifest.inputColumns.map(\.name)
        let asked = [
            ("df_plot_out", request.outputs, outputs), ("df_plot_fcst", request.forecasts, outputs),
            ("df_plot_in", request.inputs, inputs),
        ]
        for (member, columns, names) in asked {
            for name in (columns ?? [:]).keys.sorted() where !names.contains(name) {
                // The escapes of RFC 6901.
                let key = name.replacing("~", with: "~0").replacing("/", with: "~1")
                throw Problem.invalid(
                    "/\(member)/\(key)", "is not a column; the columns are \(names.joined(separator: ", "))")
            }
        }
    }
}
