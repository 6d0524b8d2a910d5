package import Base

/// What an instance saves on spot, as intervals of time with their prices. Amounts follow from the intervals alone.
package struct SavingsLedger: Sendable, Hashable {
    /// In the order of time, without overlaps. Only the last one may be open.
    package private(set) var intervals: [SavingsInterval] = []

    package init() {}

    /// - Throws: ``SavingsFault`` for intervals out of order.
    package init(_ intervals: [SavingsInterval]) throws(SavingsFault) {
        for (previous, next) in zip(intervals, intervals.dropFirst()) {
            guard let end = previous.end, end <= next.start else { throw .outOfOrder(next.start) }
        }
        self.intervals = intervals
    }

    /// The instance runs in a pool at these prices from `time` on. Equal prices in the same pool change nothing.
    /// - Parameters:
    ///   - spotPrice: millionths of a US dollar an hour, 0 or more.
    ///   - onDemandPrice: likewise.
    /// - Throws: ``SavingsFault``, and changes nothing.
    package mutating func record(
        _ pool: SpotPool, spotPrice: Int64, onDemandPrice: Int64, source: DataSource, at time: Instant
    ) throws(SavingsFault) {
        let next = try SavingsInterval(
            pool: pool, spotPrice: spotPrice, onDemandPrice: onDemandPrice, source: source, start: time)
        if let last = intervals.last {
            guard time >= (last.end ?? last.start) else { throw .outOfOrder(time) }
            if last.end == nil {
                if last.hasPrices(of: next) { return }
                try close(at: time)
            }
        }
        intervals.append(next)
    }

    /// The instance no longer runs on spot. Without an open interval nothing changes.
    /// - Throws: ``SavingsFault`` for a time before the interval, and changes nothing.
    package mutating func close(at time: Instant) throws(SavingsFault) {
        guard let last = intervals.last, last.end == nil else { return }
        guard time >= last.start else { throw .outOfOrder(time) }
        // An interval without a duration saved nothing.
        if time == last.start { intervals.removeLast() } else { intervals[intervals.count - 1].end = time }
    }

    /// All savings until `time`, in millionths of a US dollar, rounded down. Negative where spot cost more.
    package func total(until time: Instant) -> Int64 {
        let exact = intervals.reduce(Int128(0)) { $0 + $1.exactSavings(until: time) }
        let (quotient, remainder) = exact.quotientAndRemainder(dividingBy: SavingsInterval.exactUnits)
        return Int64(clamping: remainder < 0 ? quotient - 1 : quotient)
    }

    /// The savings of each hour with an interval, the earliest first. Hours begin at full hours of UTC. Their sum is
    /// ``total(until:)``.
    /// - Returns: at most ``hoursMax``, the latest ones.
    package func hours(until time: Instant) -> [HourlySavings] {
        guard let first = intervals.first?.start, first < time else { return [] }
        let hour = Duration.hours(1).microseconds
        let start = first.microseconds.quotient(flooredBy: hour)
        let end = (time.microseconds - 1).quotient(flooredBy: hour)
        return (max(start, end - Int64(Self.hoursMax) + 1)...end).compactMap { index in
            hourly(from: Instant(microseconds: index * hour), to: min(time, Instant(microseconds: (index + 1) * hour)))
        }
    }

    /// Ninety days.
    package static let hoursMax = 2_160

    private func hourly(from start: Instant, to end: Instant) -> HourlySavings? {
        var (duration, spot, onDemand) = (Int128(0), Int128(0), Int128(0))
        for interval in intervals {
            let part = Int128(max(0, (min(interval.end ?? end, end) - max(interval.start, start)).microseconds))
            duration += part
            spot += part * Int128(interval.spotPrice)
            onDemand += part * Int128(interval.onDemandPrice)
        }
        guard duration > 0 else { return nil }
        return HourlySavings(
            start: start, spotPrice: Int64(clamping: spot / duration),
            onDemandPrice: Int64(clamping: onDemand / duration),
            savings: total(until: end) - total(until: start))
    }
}

/// The time that an instance ran in a pool at one price.
package struct SavingsInterval: Sendable, Hashable {
    package let pool: SpotPool
    /// Millionths of a US dollar an hour.
    package let spotPrice: Int64
    /// Millionths of a US dollar an hour.
    package let onDemandPrice: Int64
    package let source: DataSource
    package let start: Instant
    /// nil while it lasts.
    package internal(set) var end: Instant?

    /// - Throws: ``SavingsFault`` for a negative price, one of a million dollars and more, and an end before the start.
    package init(
        pool: SpotPool, spotPrice: Int64, onDemandPrice: Int64, source: DataSource, start: Instant, end: Instant? = nil
    ) throws(SavingsFault) {
        let bounds = Int64(0)..<1_000_000_000_000
        guard bounds.contains(spotPrice), bounds.contains(onDemandPrice) else { throw .invalidPrice }
        if let end, end < start { throw .outOfOrder(end) }
        self.pool = pool
        self.spotPrice = spotPrice
        self.onDemandPrice = onDemandPrice
        self.source = source
        self.start = start
        self.end = end
    }

    /// Microseconds of an hour: ``exactSavings(until:)`` counts this many for a millionth of a dollar.
    static let exactUnits = Int128(Duration.hours(1).microseconds)

    func exactSavings(until time: Instant) -> Int128 {
        let last = min(end ?? time, time)
        return Int128(max(0, (last - start).microseconds)) * Int128(onDemandPrice - spotPrice)
    }

    func hasPrices(of other: SavingsInterval) -> Bool {
        pool == other.pool && spotPrice == other.spotPrice && onDemandPrice == other.onDemandPrice
            && source == other.source
    }
}

/// An hour of savings.
package struct HourlySavings: Sendable, Hashable {
    /// A full hour of UTC.
    package let start: Instant
    /// Millionths of a US dollar an hour, averaged over the time on spot.
    package let spotPrice: Int64
    /// Millionths of a US dollar an hour, averaged over the time on spot.
    package let onDemandPrice: Int64
    /// Millionths of a US dollar.
    package let savings: Int64
}

/// Why an interval is not recorded.
package enum SavingsFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// A price is negative, or a million dollars and more.
    case invalidPrice
    /// The time lies before what is recorded.
    case outOfOrder(Instant)

    package var description: String {
        switch self {
        case .invalidPrice: "A price is from 0 to below 1,000,000 US dollars an hour."
        case .outOfOrder(let time): "\(time) lies before the last recorded time."
        }
    }
}
