import Foundation

/// A cache of a time zone's UTC offsets by day: asking Foundation for each of a million timestamps takes seconds.
///
/// Direct-mapped, 1024 days. A time zone changes its offset at most once in a day of UTC.
struct ZoneOffsets {
    private let zone: TimeZone
    private let isUTC: Bool
    private var cache: [Day]

    private struct Day {
        var number = Int.min
        var before = 0
        var after = 0
        /// The first second of UTC at which `after` applies.
        var change = Int.max
    }

    init(_ zone: TimeZone) {
        self.zone = zone
        isUTC = ["UTC", "GMT", "Etc/UTC", "Z"].contains(zone.identifier)
        cache = isUTC ? [] : Array(repeating: Day(), count: 1024)
    }

    /// The UTC offset in seconds at an instant in seconds since 1970.
    mutating func offset(at seconds: Int) -> Int {
        if isUTC { return 0 }
        let number = CivilTime.floorDivide(seconds, CivilTime.secondsPerDay)
        let slot = number & 1023
        if cache[slot].number != number { cache[slot] = look(up: number) }
        return seconds < cache[slot].change ? cache[slot].before : cache[slot].after
    }

    /// The instant at which local clocks show `wall` (seconds since 1970 as if local time were UTC).
    ///
    /// Of a local hour that occurs twice the first is taken, unless the previous row is past it: then the second. A
    /// skipped local hour is read with the offset before the change, as in `java.time`. In a file that begins with its
    /// newest row (`isDescending`) the second of the two hours comes first.
    mutating func instant(wall: Int, after previous: Int?, isDescending: Bool = false) -> Int {
        if isUTC { return wall }
        let before = offset(at: wall - CivilTime.secondsPerDay)
        let after = offset(at: wall + CivilTime.secondsPerDay)
        if before == after { return wall - before }
        let early = wall - before
        let late = wall - after
        let earlyIsReal = offset(at: early) == before
        let lateIsReal = offset(at: late) == after
        if earlyIsReal, lateIsReal {
            guard let previous else { return early }
            if isDescending || previous > late { return late < previous ? late : early }
            return previous >= early && previous < late ? late : early
        }
        return earlyIsReal || !lateIsReal ? early : late
    }

    private func look(up number: Int) -> Day {
        let first = number * CivilTime.secondsPerDay
        let last = first + CivilTime.secondsPerDay - 1
        let before = ask(first)
        let after = ask(last)
        guard before != after else { return Day(number: number, before: before, after: after) }
        var low = first
        var high = last
        while high - low > 1 {
            let middle = (low + high) / 2
            if ask(middle) == before { low = middle } else { high = middle }
        }
        return Day(number: number, before: before, after: after, change: high)
    }

    private func ask(_ seconds: Int) -> Int { zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))) }
}
