/// The sums from which all metrics are computed; MASE depends on the order of the values.
struct MetricSums {
    private var count = 0
    private var absolute = 0.0
    private var squared = 0.0
    private var truth = 0.0
    private var absoluteTruth = 0.0
    private var relative = 0.0
    private var symmetric = 0.0
    private var hasZeroTruth = false
    private var naive = 0.0
    private var previous = 0.0

    mutating func add(truth y: Double, forecast f: Double) {
        let error = abs(y - f)
        absolute += error
        squared += error * error
        truth += y
        absoluteTruth += abs(y)
        if y == 0 { hasZeroTruth = true } else { relative += error / abs(y) }
        let size = (abs(y) + abs(f)) / 2
        if size > 0 { symmetric += error / size }
        if count > 0 { naive += abs(y - previous) }
        previous = y
        count += 1
    }

    /// Whether the errors and their squares have a finite sum. Where they have, only a division by almost zero
    /// overflows, and such a metric counts as undefined.
    var isFinite: Bool { absolute.isFinite && squared.isFinite }

    var isEmpty: Bool { count == 0 }

    /// Nil where the metric is undefined for these values. Each metric is checked by itself.
    func value(_ metric: Evaluation.Metric) -> Double? {
        guard count > 0 else { return nil }
        let n = Double(count)
        let value: Double? =
            switch metric {
            case .mae: absolute / n
            case .mape: hasZeroTruth ? nil : 100 * relative / n
            case .mse: squared / n
            case .rmse: (squared / n).squareRoot()
            case .nrmse: truth == 0 ? nil : (squared / n).squareRoot() / (truth / n)
            case .wape: absoluteTruth == 0 ? nil : 100 * absolute / absoluteTruth
            case .smape: 100 * symmetric / n
            // The naive forecast of MASE is the previous value, in the order given.
            case .mase: count < 2 || naive == 0 ? nil : (absolute / n) / (naive / (n - 1))
            }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }
}
