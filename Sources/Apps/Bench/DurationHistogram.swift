import Histogram

/// Durations with a resolution of 1 ns and an error of at most 0.1 %.
struct DurationHistogram {
    private var nanoseconds = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

    mutating func record(_ duration: Duration) {
        nanoseconds.record(UInt64(max(0, duration / .nanoseconds(1))))
    }

    /// - Parameter percentage: from 0 to 100.
    /// - Returns: the shortest duration that at least this percentage of all do not exceed; zero if none was recorded.
    func percentile(_ percentage: Double) -> Duration {
        .nanoseconds(Int64(nanoseconds.valueAtPercentile(percentage)))
    }
}
