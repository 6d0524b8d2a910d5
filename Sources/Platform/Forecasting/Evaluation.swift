/// The accuracy of forecasts on the test part, in original units, at up to twelve levels of averaging, with the
/// persistence baseline.
package struct Evaluation: Codable, Sendable, Equatable {
    /// A list for each metric and for `delta [min]`; null where a metric is undefined.
    package typealias Table = [String: [Double?]]

    /// The tables of one forecaster.
    package struct Tables: Codable, Sendable, Equatable {
        /// For each output `delta [min]` and every metric, with one value for each level of averaging.
        package var overall: [String: Table]
        /// For each output and each level, by its minutes, every metric, with one value for each step.
        package var bySteps: [String: [String: Table]]

        enum CodingKeys: String, CodingKey {
            case overall = "df_eval"
            case bySteps = "df_eval_ts"
        }

        /// The metric of an output over all steps, averaged over blocks of `level` steps (1 to 12).
        package func value(_ metric: Metric, output: String, level: Int = 1) -> Double? {
            guard let list = overall[output]?[metric.rawValue], list.indices.contains(level - 1) else { return nil }
            return list[level - 1]
        }
    }

    /// The metrics; the raw values are part of the API.
    package enum Metric: String, Codable, Sendable, CaseIterable {
        case mae = "MAE"
        case mape = "MAPE"
        case mse = "MSE"
        case rmse = "RMSE"
        case nrmse = "NRMSE"
        case wape = "WAPE"
        case smape = "sMAPE"
        case mase = "MASE"
    }

    /// The number of datasets of the test part.
    package var datasets: Int
    /// The tables of the model.
    package var model: Tables
    /// The tables of persistence; nil where an output's series is not among the inputs.
    package var persistence: Tables?

    /// The key of the list of the levels' minutes.
    package static let delta = "delta [min]"
    /// The largest number of steps averaged.
    package static let levelsMax = 12
    /// The number of datasets forecast at once.
    private static let batchRows = 1024

    /// Evaluates a forecaster on the test part, in the order of time.
    ///
    /// Throws `ModelFault.emptyPart` without a test part, and the errors of `checkCancellation`.
    package init(of forecaster: any Forecaster, on dataset: Dataset, checkCancellation: () throws -> Void = {}) throws {
        let rows = dataset.rows(of: .test)
        guard !rows.isEmpty else {
            throw ModelFault(.emptyPart, "The test part of the split is empty.")
        }
        guard forecaster.shape == dataset.shape else {
            throw ModelFault(.shapeMismatch, "The model was trained on datasets of another shape.")
        }
        datasets = rows.count
        model = try Self.tables(of: forecaster, on: dataset, rows: rows, checkCancellation)
        persistence = try Persistence(dataset.manifest).map {
            try Self.tables(of: $0, on: dataset, rows: rows, checkCancellation)
        }
    }

    private static func tables(
        of forecaster: any Forecaster, on dataset: Dataset, rows: [Int32], _ checkCancellation: () throws -> Void
    ) throws -> Tables {
        let manifest = dataset.manifest
        let steps = manifest.outputSteps
        let outputs = manifest.outputColumns.count
        let levels = 1...min(levelsMax, steps)
        var sums = (0..<outputs).map { _ in levels.map { Level(size: $0, steps: steps) } }
        var start = 0
        while start < rows.count {
            try checkCancellation()
            let batch = rows[start..<min(start + dataset.shape.batchRows(batchRows), rows.count)]
            let (truth, forecast) = try dataset.forecasts(by: forecaster, rows: batch)
            truth.withUnsafeBufferPointer { truth in
                forecast.withUnsafeBufferPointer { forecast in
                    for row in 0..<batch.count {
                        for output in 0..<outputs {
                            for level in sums[output].indices {
                                sums[output][level].add(
                                    truth, forecast, from: row * steps * outputs + output, stride: outputs)
                            }
                        }
                    }
                }
            }
            start = batch.endIndex
        }
        var tables = Tables(overall: [:], bySteps: [:])
        for (output, column) in manifest.outputColumns.enumerated() {
            var overall: Table = [delta: levels.map { manifest.stepMinutes * Double($0) }]
            var bySteps: [String: Table] = [:]
            for metric in Metric.allCases { overall[metric.rawValue] = sums[output].map { $0.all.value(metric) } }
            for (level, sum) in zip(levels, sums[output]) {
                let table = Metric.allCases.map { metric in (metric.rawValue, sum.steps.map { $0.value(metric) }) }
                bySteps[deltaName(manifest.stepMinutes * Double(level))] = Dictionary(uniqueKeysWithValues: table)
            }
            tables.overall[column.name] = overall
            tables.bySteps[column.name] = bySteps
        }
        return tables
    }

    /// The key of a level's table, such as `60` or `7.5`.
    package static func deltaName(_ minutes: Double) -> String {
        minutes.rounded() == minutes && abs(minutes) < 1e15 ? "\(Int(minutes))" : "\(minutes)"
    }

    /// The sums of one output at one level of averaging.
    private struct Level {
        let size: Int
        var all = MetricSums()
        var steps: [MetricSums]

        init(size: Int, steps: Int) {
            self.size = size
            self.steps = Array(repeating: MetricSums(), count: steps / size)
        }

        /// Averages truth and forecast over blocks of `size` steps; remaining steps at the end are ignored.
        mutating func add(
            _ truth: UnsafeBufferPointer<Double>, _ forecast: UnsafeBufferPointer<Double>, from first: Int, stride: Int
        ) {
            for block in steps.indices {
                var truthSum = 0.0
                var forecastSum = 0.0
                var position = first + block * size * stride
                for _ in 0..<size {
                    truthSum += truth[position]
                    forecastSum += forecast[position]
                    position += stride
                }
                let (meanTruth, meanForecast) = (truthSum / Double(size), forecastSum / Double(size))
                steps[block].add(truth: meanTruth, forecast: meanForecast)
                all.add(truth: meanTruth, forecast: meanForecast)
            }
        }
    }
}
