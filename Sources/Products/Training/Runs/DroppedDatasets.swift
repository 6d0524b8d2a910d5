import Forecasting
import Modules

/// Reference times that gave no dataset, for one reason and because of one series.
struct DroppedDatasets: Payload {
    /// outside-series, gap, not-a-number or no-sample.
    var reason: String
    /// input or output.
    var type: String
    /// The name of the series.
    var series: String
    var count: Int
    /// The first and the last of the reference times.
    var first: Instant
    var last: Instant

    init(_ drop: DatasetManifest.Drop) {
        reason = drop.reason
        type = drop.kind.rawValue
        series = drop.series
        count = drop.count
        first = Instant(microseconds: drop.first)
        last = Instant(microseconds: drop.last)
    }
}
