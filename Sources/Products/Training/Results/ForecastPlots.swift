import Forecasting
import Foundation
import Plotting

/// Renders the forecasts of a model beside the measured values, and the loss of its training by epoch.
enum ForecastPlots {
    /// The number of datasets plotted, from the start of the test part.
    private static let datasetsMax = 240

    static func draw(
        _ model: any ForecastModel, on dataset: Dataset, epochs: [EpochReport], into folder: URL,
        checkCancellation: () throws -> Void
    ) throws -> [Plot] {
        var plots: [Plot] = []
        let axis = TestPartAxis(dataset, limit: datasetsMax)
        if !axis.rows.isEmpty {
            let (truth, forecast) = try dataset.forecasts(by: model, rows: axis.rows)
            let shape = dataset.shape
            let persistence = try Persistence(dataset.manifest).map {
                try dataset.forecasts(by: $0, rows: axis.rows).forecast
            }
            // Of each dataset the last step, whose forecast reaches furthest ahead.
            let last = (shape.outputSteps - 1) * shape.outputFeatures
            for (output, column) in dataset.manifest.outputColumns.enumerated() {
                try checkCancellation()
                func series(_ name: String, _ values: [Double]) -> LineChart.Series {
                    LineChart.Series(
                        name: name, x: axis.times, y: axis.values { values[$0 * shape.outputCount + last + output] })
                }
                let chart = LineChart(
                    title: "\(column.name): the last step of each forecast",
                    xTitle: "reference time (UTC)",
                    yTitle: column.name,
                    horizontal: .time,
                    series: [series("truth", truth), series(model.mode.rawValue, forecast)]
                        + (persistence.map { [series("persistence", $0)] } ?? [])
                )
                plots += try save(
                    chart, name: "forecast \(column.name)", kind: "forecast", label: column.label,
                    file: "forecast-\(output)", in: folder)
            }
        }
        if epochs.count > 1 {
            let x = epochs.map { Double($0.epoch) }
            var series = [LineChart.Series(name: "training", x: x, y: epochs.map(\.loss))]
            if epochs.contains(where: { $0.validationLoss != nil }) {
                series.append(LineChart.Series(name: "validation", x: x, y: epochs.map { $0.validationLoss ?? .nan }))
            }
            let chart = LineChart(title: "Loss by epoch", xTitle: "epoch", yTitle: "mean squared error", series: series)
            plots += try save(
                chart, name: "loss", kind: "loss", label: model.mode.rawValue, file: "loss", in: folder)
        }
        return plots
    }

    private static func save(
        _ chart: LineChart, name: String, kind: String, label: String, file: String, in folder: URL
    ) throws -> [Plot] {
        try Data(chart.image(as: .png, scale: 1).bytes).write(to: folder.appending(path: "\(file).png"))
        return [Plot(name: name, kind: kind, label: label, fileName: "\(file).png")]
    }
}
