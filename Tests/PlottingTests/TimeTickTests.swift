import Foundation
import Testing

@testable import Plotting

@Suite struct TimeTickTests {
    /// Monday, 4 March 2024, 00:00 UTC.
    private let monday = 1_709_510_400.0

    @Test func `ticks of hours have the day where it changes`() throws {
        let ticks = try #require(Ticks.times(in: Extent(monday - 3 * 3_600, monday + 10 * 3_600), about: 6))
        #expect(ticks.marks.map(\.label) == ["21:00", "00:00", "03:00", "06:00", "09:00"])
        #expect(ticks.marks.map(\.context) == ["3 Mar 2024", "4 Mar 2024", nil, nil, nil])
    }

    @Test func `ticks are at seconds, minutes, days, Mondays, months and years`() throws {
        func labels(_ lower: Double, _ upper: Double, _ count: Int) throws -> [String] {
            try #require(Ticks.times(in: Extent(lower, upper), about: count)).marks.map(\.label)
        }
        #expect(try labels(monday, monday + 20, 4) == ["00:00:00", "00:00:05", "00:00:10", "00:00:15", "00:00:20"])
        #expect(try labels(monday, monday + 1_800, 3) == ["00:00", "00:10", "00:20", "00:30"])
        #expect(try labels(monday, monday + 3 * 86_400, 3) == ["4 Mar", "5 Mar", "6 Mar", "7 Mar"])
        #expect(try labels(monday - 86_400, monday + 27 * 86_400, 4) == ["4 Mar", "11 Mar", "18 Mar", "25 Mar"])
        #expect(try labels(monday, monday + 130 * 86_400, 5) == ["Apr", "May", "Jun", "Jul"])
        #expect(try labels(monday, monday + 3_000 * 86_400, 5) == ["2026", "2028", "2030", "2032"])
        #expect(try labels(-3e9, 3e9, 5) == ["1900", "1950", "2000", "2050"])
        #expect(try labels(-6e10, 2.5e11, 5).count >= 2)
    }

    @Test func `ticks of months have the year where it changes`() throws {
        let ticks = try #require(Ticks.times(in: Extent(monday, monday + 400 * 86_400), about: 5))
        #expect(ticks.marks.map(\.label) == ["Apr", "Jul", "Oct", "Jan", "Apr"])
        #expect(ticks.marks.map(\.context) == ["2024", nil, nil, "2025", nil])
    }

    @Test func `values that are not times have no time ticks`() {
        #expect(Ticks.times(in: Extent(0, 1e15), about: 5) == nil)
        #expect(Ticks.times(in: Extent(-1e300, 0), about: 5) == nil)
        #expect(Ticks.times(in: Extent(0.2, 0.4), about: 5) == nil)
    }

    @Test func `dates equal those of Foundation's calendar`() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for step in stride(from: -1.1e10, to: 2.5e11, by: 7.7777e8) {
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: step.rounded()))
            let time = CivilTime(step.rounded())
            let ours: [Int?] = [time.year, time.month, time.day, time.hour, time.minute, time.second]
            #expect(ours == [parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second])
        }
        for month in [12, 13, 14, 1_600 * 12 + 1, 1_970 * 12, 2_000 * 12 + 2, 2_024 * 12 + 1, 9_999 * 12 + 11] {
            let time = CivilTime(CivilTime.start(ofMonth: month))
            #expect(time.year * 12 + time.month - 1 == month)
            let rest: [Int] = [time.day, time.hour, time.minute, time.second]
            #expect(rest == [1, 0, 0, 0])
        }
    }
}
