package import Foundation

/// A memory-mapped time series: 16 bytes a sample, a timestamp and a value, ascending in time and without duplicates.
///
/// Timestamps are microseconds since 1970 in UTC (Int64, little-endian), values are Doubles; a value may be NaN.
package final class Series: Sendable {
    /// The size of a sample on disk, in bytes.
    package static let bytesPerSample = 16

    /// The number of samples, at least 1.
    package let count: Int
    private let file: MappedFile

    /// Opens a series written by `SeriesImport` or `SeriesWriter`.
    ///
    /// Throws `FileFault` for I/O errors and `SeriesFault` for a file that is not whole samples. The order of the
    /// timestamps is not checked.
    package init(_ url: URL) throws {
        file = try MappedFile(url)
        guard file.bytes.count % Self.bytesPerSample == 0, file.bytes.count > 0 else {
            throw SeriesFault(
                .damagedSeries,
                "The series file is incomplete: \(file.bytes.count) bytes are not whole samples of 16 bytes. "
                    + "Import the file again."
            )
        }
        count = file.bytes.count / Self.bytesPerSample
    }

    /// The time of a sample in microseconds since 1970. `index` is in `0 ..< count`.
    package func stamp(_ index: Int) -> Int64 {
        precondition(index >= 0 && index < count, "A series has samples 0 to count - 1.")
        return file.bytes.load(fromByteOffset: index &* 16, as: Int64.self)
    }

    /// The value of a sample. `index` is in `0 ..< count`.
    package func value(_ index: Int) -> Double {
        precondition(index >= 0 && index < count, "A series has samples 0 to count - 1.")
        return file.bytes.load(fromByteOffset: index &* 16 &+ 8, as: Double.self)
    }

    /// The first timestamp.
    package var first: Int64 { stamp(0) }
    /// The last timestamp.
    package var last: Int64 { stamp(count - 1) }

    /// The index of the last sample at or before a timestamp; nil where the series begins later.
    ///
    /// `hint` is the index of a sample at or before the result: a search that advances in time then takes few steps.
    package func index(atOrBefore stamp: Int64, hint: Int = 0) -> Int? {
        guard self.stamp(hint) <= stamp else { return hint == 0 ? nil : index(atOrBefore: stamp) }
        var low = hint
        var stride = 1
        while low + stride < count, self.stamp(low + stride) <= stamp {
            low += stride
            stride *= 2
        }
        var high = min(low + stride, count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.stamp(middle) <= stamp { low = middle } else { high = middle }
        }
        return low
    }

    /// The linear interpolation between the samples around a timestamp; nil outside of the series, NaN beside a NaN.
    package func interpolated(at stamp: Int64) -> Double? {
        guard let prior = index(atOrBefore: stamp) else { return nil }
        return interpolated(at: stamp, prior: prior)
    }

    /// The mean of the samples within a span, both ends included, without NaN; nil where there is none.
    package func mean(from start: Int64, through end: Int64) -> Double? {
        guard start <= end, let last = index(atOrBefore: end) else { return nil }
        var sum = CompensatedSum()
        var index = last
        while index >= 0, stamp(index) >= start {
            sum.add(value(index))
            index -= 1
        }
        return sum.mean
    }

    /// The statistics of the numbers of the series; samples that are not finite are gaps.
    package func statistics() -> SeriesStatistics {
        let first = (0..<count).first { value($0).isFinite }.map(stamp) ?? self.first
        var minimum = Double.infinity
        var maximum = -Double.infinity
        var sum = CompensatedSum()
        var steps: [Int64: Int] = [:]
        var smallest = Int64.max
        var largest: (gap: Int64, after: Int64) = (0, first)
        var previous = first
        var numbers = 0
        for index in 0..<count {
            let value = value(index)
            guard value.isFinite else { continue }
            minimum = min(minimum, value)
            maximum = max(maximum, value)
            sum.add(value)
            numbers += 1
            guard numbers > 1 else { continue }
            let stamp = stamp(index)
            let step = stamp - previous
            // A bound for series with irregular steps, which have no typical step: the first 1024 distinct steps are
            // counted.
            if steps[step] != nil || steps.count < 1024 { steps[step, default: 0] += 1 }
            smallest = min(smallest, step)
            if step > largest.gap { largest = (step, previous) }
            previous = stamp
        }
        let last = previous
        let typical = steps.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key ?? 0
        var missing = 0
        if typical > 0, largest.gap > typical {
            previous = first
            for index in 0..<count where value(index).isFinite {
                let stamp = stamp(index)
                guard stamp > first else { continue }
                missing += max(0, Int((Double(stamp - previous) / Double(typical)).rounded()) - 1)
                previous = stamp
            }
        }
        let minute = Double(CivilTime.microsecondsPerMinute)
        let isConstant = typical > 0 && CivilTime.microsecondsPerHour % typical == 0
        let withinHour = CivilTime.floorModulo(Int(first), Int(CivilTime.microsecondsPerHour))
        return SeriesStatistics(
            count: numbers,
            first: first,
            last: last,
            minimum: sum.count > 0 ? minimum : 0,
            maximum: sum.count > 0 ? maximum : 0,
            mean: sum.mean ?? 0,
            meanStepMinutes: numbers > 1 ? Double(last - first) / minute / Double(numbers - 1) : 0,
            minimumStepMinutes: numbers > 1 ? Double(smallest) / minute : 0,
            typicalStepMinutes: Double(typical) / minute,
            largestGapMinutes: Double(largest.gap) / minute,
            largestGapAfter: largest.gap > typical ? largest.after : nil,
            missingSteps: missing,
            offsetMinutes: isConstant ? Double(withinHour) / minute : nil
        )
    }

    /// The most frequent distance of neighbouring numbers, in microseconds.
    var usualStep: Int64 {
        Int64((statistics().typicalStepMinutes * Double(CivilTime.microsecondsPerMinute)).rounded())
    }

    /// The samples around `index` that are not finite; empty where that sample is a number.
    func gap(around index: Int) -> Range<Int> {
        var low = index
        var high = index
        while low > 0, !value(low - 1).isFinite { low -= 1 }
        while high < count, !value(high).isFinite { high += 1 }
        return low < high ? low..<high : index..<index
    }

    /// The value at a timestamp, given the index of the last sample at or before it.
    func interpolated(at stamp: Int64, prior: Int) -> Double? {
        let before = self.stamp(prior)
        if before == stamp { return value(prior) }
        guard prior + 1 < count else { return nil }
        let low = value(prior)
        return low + (value(prior + 1) - low) * (Double(stamp - before) / Double(self.stamp(prior + 1) - before))
    }
}
