/// The baseline that repeats, for each step, the value of its series one period earlier, or as many whole periods
/// earlier as make it known at the reference time.
///
/// The value is that of the dataset whose reference time is that much earlier, so the datasets have to follow each
/// other at a step that divides the period.
struct SeasonalNaive {
    private let dataset: Dataset
    /// For each output and step the distance to the earlier dataset, in microseconds.
    private let distances: [[Int64]]

    init(hours: Int, _ dataset: Dataset) {
        self.dataset = dataset
        let period = Int64(hours) * CivilTime.microsecondsPerHour
        distances = dataset.manifest.outputColumns.map { column in
            column.offsets(steps: dataset.manifest.outputSteps).map { max(1, ($0 + period - 1) / period) * period }
        }
    }

    /// The outputs of rows and the forecasts; those of an output are NaN where one of its values is not known.
    func forecasts(_ rows: some Collection<Int32>) -> (truth: [Double], forecast: [Double], datasets: Int) {
        let shape = dataset.shape
        var truth: [Double] = []
        var forecast = [Double](repeating: .nan, count: rows.count * shape.outputCount)
        var datasets = 0
        for (position, row) in rows.enumerated() {
            truth += dataset.outputs(Int(row))
            let reference = dataset.reference(Int(row))
            var earlier: [Int64: [Double]] = [:]
            func values(_ distance: Int64) -> [Double]? {
                if let known = earlier[distance] { return known }
                let values = dataset.row(at: reference - distance).map(dataset.outputs)
                earlier[distance] = values
                return values
            }
            var isKnown = false
            for (output, distances) in distances.enumerated() {
                guard distances.allSatisfy({ values($0) != nil }) else { continue }
                isKnown = true
                for (step, distance) in distances.enumerated() {
                    let index = step * shape.outputFeatures + output
                    forecast[position * shape.outputCount + index] = values(distance)?[index] ?? .nan
                }
            }
            if isKnown { datasets += 1 }
        }
        return (truth, forecast, datasets)
    }
}
