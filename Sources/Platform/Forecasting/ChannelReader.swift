/// Reads the values of one channel for successive datasets.
struct ChannelReader {
    /// The reason why a dataset is dropped.
    enum Drop: String, CaseIterable, Codable, Sendable {
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
    /// For each step the last run of samples found that are not numbers.
    private var gaps: [Range<Int>]
    private var window = Window()

    /// The samples within the horizon, and their running sum.
    private struct Window {
        var lower = 0
        var upper = 0
        var sum = CompensatedSum()
        /// The next sample whose distance from the last number is checked, that number's time, and the end of the
        /// latest gap found.
        var next = 0
        var last: Int64?
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
        gaps = Array(repeating: 0..<0, count: cursors.count)
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
            guard let prior = series.index(atOrBefore: stamp, hint: cursors[step]) else { return .outside }
            cursors[step] = prior
            if let maximumGap {
                if let drop = bridge(stamp, prior: prior, step: step, maximumGap, into: row + step * stride) {
                    return drop
                }
            } else {
                guard let value = series.interpolated(at: stamp, prior: prior) else { return .outside }
                guard value.isFinite else { return .notANumber }
                row[step * stride] = value
            }
        }
        return nil
    }

    /// Interpolates between the numbers around a time, unless they are further apart than allowed.
    private mutating func bridge(
        _ stamp: Int64, prior: Int, step: Int, _ maximumGap: Int64, into target: UnsafeMutablePointer<Double>
    ) -> Drop? {
        var low = prior
        var high = prior + 1
        if series.stamp(prior) == stamp, series.value(prior).isFinite {
            target.pointee = series.value(prior)
            return nil
        }
        let gap = !series.value(low).isFinite ? low : high < series.count && !series.value(high).isFinite ? high : nil
        if let gap {
            if !gaps[step].contains(gap) { gaps[step] = series.gap(around: gap) }
            low = gaps[step].lowerBound - 1
            high = gaps[step].upperBound
        }
        guard low >= 0, high < series.count else { return .outside }
        let (before, after) = (series.stamp(low), series.stamp(high))
        guard after - before <= maximumGap else { return .gap }
        let share = Double(stamp - before) / Double(after - before)
        let value = series.value(low) + (series.value(high) - series.value(low)) * share
        guard value.isFinite else { return .notANumber }
        target.pointee = value
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
        while window.next < series.count, window.last.map({ $0 < reference + end }) ?? true {
            if series.value(window.next).isFinite {
                let following = series.stamp(window.next)
                if let last = window.last, following - last > maximumGap { window.gapEnd = following }
                window.last = following
            }
            window.next += 1
        }
        return window.gapEnd > reference + start
    }
}
