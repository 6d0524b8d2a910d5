import Foundation

/// A time zone's offsets from UTC, remembered by the day, because asking Foundation for each of a million stamps takes seconds.
///
/// The memory is fixed: 1024 days, each in the one place its number says. A zone changes its offset at most once in a day of UTC.
struct ZoneOffsets {
    private let zone: TimeZone
    private let isUTC: Bool
    private var memory: [Day]

    private struct Day {
        var number = Int.min
        var before = 0
        var after = 0
        /// The first second of UTC at which `after` holds.
        var change = Int.max
    }

    init(_ zone: TimeZone) {
        self.zone = zone
        isUTC = ["UTC", "GMT", "Etc/UTC", "Z"].contains(zone.identifier)
        memory = isUTC ? [] : Array(repeating: Day(), count: 1024)
    }

    /// The offset from UTC in seconds at an instant given in seconds since 1970.
    mutating func offset(at seconds: Int) -> Int {
        if isUTC { return 0 }
        let number = CivilTime.floorDivide(seconds, CivilTime.secondsPerDay)
        let place = number & 1023
        if memory[place].number != number { memory[place] = look(up: number) }
        return seconds < memory[place].change ? memory[place].before : memory[place].after
    }

    /// The instant at which local clocks show `wall` (seconds since 1970 as if the local clock were UTC's).
    ///
    /// An hour that clocks show twice is the first of the two, unless the rows before have already passed it: then it is the second.
    /// An hour that clocks skip is read with the offset before the change, as `java.time` does.
    mutating func instant(wall: Int, after previous: Int?) -> Int {
        if isUTC { return wall }
        let before = offset(at: wall - CivilTime.secondsPerDay)
        let after = offset(at: wall + CivilTime.secondsPerDay)
        if before == after { return wall - before }
        let early = wall - before
        let late = wall - after
        let earlyIsReal = offset(at: early) == before
        let lateIsReal = offset(at: late) == after
        if earlyIsReal, lateIsReal, let previous, previous >= early, previous < late { return late }
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
