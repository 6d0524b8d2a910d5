package import Foundation

/// A time series on disk, read in place: 16 bytes a sample, a stamp and a value, ascending in time and without duplicates.
///
/// Stamps are microseconds since 1970 in UTC (Int64, little-endian), values are Doubles; a value may be NaN.
package final class Series: Sendable {
    /// The size of a sample on disk.
    package static let bytesPerSample = 16

    /// How many samples there are, at least 1.
    package let count: Int
    private let file: MappedFile

    /// Opens a series that `SeriesImport` or `SeriesWriter` wrote.
    ///
    /// Throws `FileFault` where the disk refuses and `SeriesFault` for a file that is not whole samples. The order of the stamps is not checked.
    package init(_ url: URL) throws {
        file = try MappedFile(url)
        guard file.bytes.count % Self.bytesPerSample == 0, file.bytes.count > 0 else {
            throw SeriesFault(
                .damagedSeries,
                "The series file is not whole: \(file.bytes.count) bytes are not samples of 16 bytes. Import the file again."
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

    /// The first stamp.
    package var first: Int64 { stamp(0) }
    /// The last stamp.
    package var last: Int64 { stamp(count - 1) }

    /// The last sample at or before a stamp; nil where the series begins later.
    ///
    /// `hint` is a sample known to lie at or before it: a search that moves on in time finds its next place in a few steps.
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

    /// The value on the straight line between the samples around a stamp; nil outside the series, NaN beside a NaN.
    package func interpolated(at stamp: Int64) -> Double? {
        guard let prior = index(atOrBefore: stamp) else { return nil }
        return interpolated(at: stamp, prior: prior)
    }

    /// The mean of the samples within a span, both ends included; nil where there is none. A NaN does not count.
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

    /// The figures of the whole series, in one pass.
    package func statistics() -> SeriesStatistics {
        var minimum = Double.infinity
        var maximum = -Double.infinity
        var sum = CompensatedSum()
        var steps: [Int64: Int] = [:]
        var smallest = Int64.max
        var largest: (gap: Int64, after: Int64) = (0, first)
        var previous = first
        for index in 0..<count {
            let value = value(index)
            if value.isFinite {
                minimum = min(minimum, value)
                maximum = max(maximum, value)
                sum.add(value)
            }
            guard index > 0 else { continue }
            let stamp = stamp(index)
            let step = stamp - previous
            // A series with more distinct steps than this has no typical one; the first ones met stand for the rest.
            if steps[step] != nil || steps.count < 1024 { steps[step, default: 0] += 1 }
            smallest = min(smallest, step)
            if step > largest.gap { largest = (step, previous) }
            previous = stamp
        }
        let typical = steps.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key ?? 0
        var missing = 0
        if typical > 0, largest.gap > typical {
            previous = first
            for index in 1..<count {
                let stamp = stamp(index)
                missing += max(0, Int((Double(stamp - previous) / Double(typical)).rounded()) - 1)
                previous = stamp
            }
        }
        let minute = Double(CivilTime.microsecondsPerMinute)
        let isConstant = typical > 0 && CivilTime.microsecondsPerHour % typical == 0
        let withinHour = CivilTime.floorModulo(Int(first), Int(CivilTime.microsecondsPerHour))
        return SeriesStatistics(
            count: count,
            first: first,
            last: last,
            minimum: sum.count > 0 ? minimum : 0,
            maximum: sum.count > 0 ? maximum : 0,
            mean: sum.mean ?? 0,
            meanStepMinutes: count > 1 ? Double(last - first) / minute / Double(count - 1) : 0,
            minimumStepMinutes: count > 1 ? Double(smallest) / minute : 0,
            typicalStepMinutes: Double(typical) / minute,
            largestGapMinutes: Double(largest.gap) / minute,
            largestGapAfter: largest.gap > typical ? largest.after : nil,
            missingSteps: missing,
            offsetMinutes: isConstant ? Double(withinHour) / minute : nil
        )
    }

    /// The value at a stamp whose last sample at or before it is known.
    func interpolated(at stamp: Int64, prior: Int) -> Double? {
        let before = self.stamp(prior)
        if before == stamp { return value(prior) }
        guard prior + 1 < count else { return nil }
        let low = value(prior)
        return low + (value(prior + 1) - low) * (Double(stamp - before) / Double(self.stamp(prior + 1) - before))
    }
}

/// Writes a series file sample by sample; the file takes its name when it is finished.
package final class SeriesWriter {
    private let output: OutputFile
    /// How many samples were appended.
    private(set) package var count = 0

    /// Throws `FileFault` where the disk refuses, as all verbs here do.
    package init(_ url: URL) throws(FileFault) {
        output = try OutputFile(url)
    }

    /// Appends a sample. Stamps must ascend, unless `sort` is called before the end.
    package func append(stamp: Int64, value: Double) throws(FileFault) {
        try output.append(UInt64(bitPattern: stamp), value.bitPattern)
        count += 1
    }

    /// Gives the file its name; a writer that goes away before leaves nothing.
    package func finish() throws(FileFault) {
        try output.finish()
    }

    /// Puts the samples in order, keeps the first of those with the same stamp, and answers how many went.
    func sort() throws -> Int {
        var kept = 0
        try output.rewrite { bytes in
            var samples = bytes.bindMemory(to: Sample.self)
            // The standard library's sort is stable, so the first of two equal stamps stays the first.
            samples.sort { $0.stamp < $1.stamp }
            for index in samples.indices where kept == 0 || samples[index].stamp != samples[kept - 1].stamp {
                samples[kept] = samples[index]
                kept += 1
            }
            return kept * Series.bytesPerSample
        }
        let dropped = count - kept
        count = kept
        return dropped
    }

    private struct Sample: BitwiseCopyable {
        var stamp: Int64
        var value: Double
    }
}

/// A sum that keeps what rounding would lose (Neumaier), so that samples can also be taken out of it again.
struct CompensatedSum {
    private(set) var count = 0
    private var sum = 0.0
    private var lost = 0.0

    /// The mean of the finite values added; nil where there is none.
    var mean: Double? { count > 0 ? (sum + lost) / Double(count) : nil }

    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        count += 1
        accumulate(value)
    }

    /// Takes out a value that was added before.
    mutating func remove(_ value: Double) {
        guard value.isFinite else { return }
        count -= 1
        if count == 0 { (sum, lost) = (0, 0) } else { accumulate(-value) }
    }

    private mutating func accumulate(_ value: Double) {
        let total = sum + value
        lost += abs(sum) >= abs(value) ? (sum - total) + value : (value - total) + sum
        sum = total
    }
}
