/// The accuracy of forecasts on the test part, in original units, at up to twelve levels of averaging, with that of
/// persistence and of seasonal naive forecasts.
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
    /// The tables of persistence for the outputs whose series is among the inputs; nil where there is none.
    package var persistence: Tables?
    /// The tables of seasonal naive forecasts, by their period in hours: `24` and `168`. A period without a value that
    /// is known at the reference time is omitted.
    package var seasonal: [String: Seasonal]

    /// The accuracy of forecasts that repeat the value of the same time of an earlier period.
    package struct Seasonal: Codable, Sendable, Equatable {
        /// The number of datasets of the test part for which such a value exists.
        package var datasets: Int
        /// The tables, over these datasets.
        package var tables: Tables
    }

    /// The key of the list of the levels' minutes.
    package static let delta = "delta [min]"
    /// The largest number of steps averaged.
    package static let levelsMax = 12
    /// The periods of seasonal naive forecasts: a day and a week.
    package static let seasonHours = [24, 168]
    /// The number of datasets forecast at once.
    private static let batchRows = 1024

    /// Evaluates a forecaster on the test part, in the order of time.
    ///
    /// Throws `ModelFault.emptyPart` without a test part, `notFinite` where a forecast or a sum of errors is not
    /// finite, and the errors of `checkCancellation`.
    package init(of forecaster: any Forecaster, on dataset: Dataset, checkCancellation: () throws -> Void = {}) throws {
        let rows = dataset.rows(of: .test)
        guard !rows.isEmpty else {
            throw ModelFault(.emptyPart, "The test part of the split is empty.")
        }
        guard forecaster.shape == dataset.shape else {
            throw ModelFault(.shapeMismatch, "The model was trained on datasets of another shape.")
        }
        datasets = rows.count
        let forecasts = try Self.sums(on: dataset, rows: rows, checkCancellation) { batch in
            let pair = try dataset.forecasts(by: forecaster, rows: batch)
            guard pair.forecast.allSatisfy(\.isFinite) else {
                throw ModelFault(
                    .notFinite, "The model forecasts values that are not finite. Turn scaling on, or use fewer layers.")
            }
            return pair
        }
        guard forecasts.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
            throw ModelFault(
                .notFinite,
                "The metrics of the model are not finite: its errors are too large to be squared. "
                    + "Divide the values of the output by a constant, or leave out those that are too large.")
        }
        model = Self.tables(forecasts, dataset.manifest)
        persistence = try Persistence(dataset.manifest).map { baseline in
            Self.tables(
                try Self.sums(on: dataset, rows: rows, checkCancellation) {
                    try dataset.forecasts(by: baseline, rows: $0)
                }, dataset.manifest)
        }
        seasonal = [:]
        for hours in Self.seasonHours {
            let season = SeasonalNaive(hours: hours, dataset)
            var count = 0
            let sums = try Self.sums(on: dataset, rows: rows, checkCancellation) { batch in
                let pair = season.forecasts(batch)
                count += pair.datasets
                return (pair.truth, pair.forecast)
            }
            guard count > 0 else { continue }
            seasonal["\(hours)"] = Seasonal(datasets: count, tables: Self.tables(sums, dataset.manifest))
        }
    }

    /// The sums of each output and level. A forecast with NaN is left out.
    private static func sums(
        on dataset: Dataset, rows: [Int32], _ checkCancellation: () throws -> Void,
        forecasts: (ArraySlice<Int32>) throws -> (truth: [Double], forecast: [Double])
    ) throws -> [[Level]] {
        let manifest = dataset.manifest
        let steps = manifest.outputSteps
        let outputs = manifest.outputColumns.count
        let levels = 1...min(levelsMax, steps)
        var sums = (0..<outputs).map { _ in levels.map { Level(size: $0, steps: steps) } }
        var start = 0
        while start < rows.count {
            try checkCancellation()
            let batch = rows[start..<min(start + dataset.shape.batchRows(batchRows), rows.count)]
            let (truth, forecast) = try forecasts(batch)
            truth.withUnsafeBufferPointer { truth in
                forecast.withUnsafeBufferPointer { forecast in
                    for row in 0..<batch.count {
                        for output in 0..<outputs {
                            let first = row * steps * outputs + output
                            let isWhole = (0..<steps).allSatisfy { !forecast[first + $0 * outputs].isNaN }
                            for level in sums[output].indices where isWhole {
                                sums[output][level].add(truth, forecast, from: first, stride: outputs)
                            }
                        }
                    }
                }
            }
            start = batch.endIndex
        }
        return sums
    }

    /// The tables of the outputs that have forecasts.
    private static func tables(_ sums: [[Level]], _ manifest: DatasetManifest) -> Tables {
        let levels = 1...min(levelsMax, manifest.outputSteps)
        var tables = Tables(overall: [:], bySteps: [:])
        for (output, column) in manifest.outputColumns.enumerated() where !sums[output][0].all.isEmpty {
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

        var isFinite: Bool { all.isFinite && steps.allSatisfy(\.isFinite) }

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
