import Forecasting
import Foundation
import Identity
import Modules
import Plotting

/// A drawn plot, on disk and named.
struct Picture: Sendable {
    let name: String
    /// input, time, output, forecast or loss.
    let kind: String
    /// Such as IN1.
    let label: String
    let fileName: String
}

/// How the values of each column are distributed.
enum ViolinPictures {
    static func draw(_ manifest: DatasetManifest, into folder: URL, checkCancellation: () throws -> Void) throws
        -> [Picture]
    {
        let columns = manifest.inputColumns + manifest.outputColumns
        return try zip(columns, manifest.distributions).enumerated().map { index, pair in
            try checkCancellation()
            let (column, distribution) = pair
            let violin = ViolinPlot.Violin(
                label: column.name,
                values: distribution.positions,
                densities: distribution.density,
                minimum: distribution.minimum,
                lowerQuartile: distribution.firstQuartile,
                median: distribution.median,
                upperQuartile: distribution.thirdQuartile,
                maximum: distribution.maximum
            )
            let fileName = "violin-\(index).png"
            let image = try ViolinPlot(title: "\(column.label): \(column.name)", violins: [violin]).image(
                as: .png, scale: 1)
            try Data(image.bytes).write(to: folder.appending(path: fileName))
            return Picture(
                name: "\(column.label) \(column.name)", kind: column.kind.rawValue, label: column.label,
                fileName: fileName)
        }
    }
}

/// A model's forecasts against what came true, and how its training went.
enum ForecastPictures {
    /// How many datasets of the test part are drawn.
    private static let datasetsShown = 240

    static func draw(_ model: any ForecastModel, on dataset: Dataset, epochs: [EpochReport], into folder: URL) throws
        -> [Picture]
    {
        var pictures: [Picture] = []
        let line = TestPartLine(dataset, limit: datasetsShown)
        if !line.rows.isEmpty {
            let (truth, forecast) = try dataset.forecasts(by: model, rows: line.rows)
            let shape = dataset.shape
            let persistence = try Persistence(dataset.manifest).map {
                try dataset.forecasts(by: $0, rows: line.rows).forecast
            }
            // Each dataset gives its last step, the one furthest ahead: the hardest to forecast.
            let last = (shape.outputSteps - 1) * shape.outputFeatures
            for (output, column) in dataset.manifest.outputColumns.enumerated() {
                func series(_ name: String, _ values: [Double]) -> LineChart.Series {
                    LineChart.Series(
                        name: name, x: line.times, y: line.values { values[$0 * shape.outputCount + last + output] })
                }
                let chart = LineChart(
                    title: "\(column.name): the last step of each forecast",
                    xTitle: "reference time (UTC)",
                    yTitle: column.name,
                    horizontal: .time,
                    series: [series("truth", truth), series(model.mode.rawValue, forecast)]
                        + (persistence.map { [series("persistence", $0)] } ?? [])
                )
                pictures += try save(
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
            pictures += try save(
                chart, name: "loss", kind: "loss", label: model.mode.rawValue, file: "loss", in: folder)
        }
        return pictures
    }

    private static func save(
        _ chart: LineChart, name: String, kind: String, label: String, file: String, in folder: URL
    ) throws -> [Picture] {
        try Data(chart.image(as: .png, scale: 1).bytes).write(to: folder.appending(path: "\(file).png"))
        return [Picture(name: name, kind: kind, label: label, fileName: "\(file).png")]
    }
}
