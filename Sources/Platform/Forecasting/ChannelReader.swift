/// Reads the values of one channel for successive datasets.
struct ChannelReader {
    /// The reason why a dataset is dropped.
    enum Drop: String {
        case outside = "outside-series"
        case gap
        case notANumber = "not-a-number"
        case noSample = "no-sample"

        /// Continues a sentence that begins with a number of reference times.
        var sentence: String {
            switch self {
            case .outside: "reach before the start or after the end of a series"
            case .gap: "need a value within a gap"
            case .notANumber: "need a value that is not a number"
            case .noSample: "have no sample to average within a horizon"
            }
        }
    }

    let series: Series
    private let offsets: [Int64]
    private let start: Int64
    private let end: Int64
    private let averaging: Bool
    private let maximumGap: Int64?
    /// For each step the index of the last sample at or before it, for the previous reference time.
    private var cursors: [Int]
    private var window = Window()

    /// The samples within the horizon, and their running sum.
    private struct Window {
        var lower = 0
        var upper = 0
        var sum = CompensatedSum()
        /// The next sample whose distance to its successor is checked, and the end of the latest gap found.
        var next = 0
        var gapEnd = Int64.min
    }

    init(_ series: Series, channel: DatasetRecipe.Channel, steps: Int, maximumGap: Int64?) {
        self.series = series
        offsets = channel.horizon.stamps(steps)
        start = Int64((channel.horizon.startHours * Double(CivilTime.microsecondsPerHour)).rounded())
        end = Int64((channel.horizon.endHours * Double(CivilTime.microsecondsPerHour)).rounded())
        averaging = channel.averaging
        self.maximumGap = maximumGap
        cursors = Array(repeating: 0, count: averaging ? 1 : steps)
    }

    /// Writes the values of the steps, `stride` elements apart, or returns why the dataset is dropped. Reference times
    /// must ascend from call to call.
    mutating func fill(_ reference: Int64, row: UnsafeMutablePointer<Double>, stride: Int) -> Drop? {
        let (first, last) = averaging ? (start, end) : (offsets[0], offsets[offsets.count - 1])
        guard reference + first >= series.first, reference + last <= series.last else { return .outside }
        return averaging
            ? average(reference, row: row, stride: stride) : interpolate(reference, row: row, stride: stride)
    }

    private mutating func interpolate(_ reference: Int64, row: UnsafeMutablePointer<Double>, stride: Int) -> Drop? {
        for step in offsets.indices {
            let stamp = reference + offsets[step]
            guard let prior = series.index(atOrBefore: stamp, hint: cursors[step]),
                let value = series.interpolated(at: stamp, prior: prior)
            else {
                return .outside
            }
            cursors[step] = prior
            guard value.isFinite else { return .notANumber }
            if let maximumGap, prior + 1 < series.count, series.stamp(prior) != stamp,
                series.stamp(prior + 1) - series.stamp(prior) > maximumGap
            {
                return .gap
            }
            row[step * stride] = value
        }
        return nil
    }

    private mutating func average(_ reference: Int64, row: UnsafeMutablePointer<Double>, stride: Int) -> Drop? {
        // Both edges only move forward, so each sample is added once and removed once.
        while window.upper < series.count, series.stamp(window.upper) <= reference + end {
            window.sum.add(series.value(window.upper))
            window.upper += 1
        }
        while window.lower < window.upper, series.stamp(window.lower) < reference + start {
            window.sum.remove(series.value(window.lower))
            window.lower += 1
        }
        if let maximumGap, hasGap(reference, longerThan: maximumGap) { return .gap }
        guard let mean = window.sum.mean, mean.isFinite else { return .noSample }
        for step in offsets.indices { row[step * stride] = mean }
        return nil
    }

    /// Whether a gap overlaps the horizon. It suffices to keep the latest gap that begins before the end of the
    /// horizon.
    private mutating func hasGap(_ reference: Int64, longerThan maximumGap: Int64) -> Bool {
        while window.next + 1 < series.count, series.stamp(window.next) < reference + end {
            let following = series.stamp(window.next + 1)
            if following - series.stamp(window.next) > maximumGap { window.gapEnd = following }
            window.next += 1
        }
        return window.gapEnd > reference + start
    }
}
