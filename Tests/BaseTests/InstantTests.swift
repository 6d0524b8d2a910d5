import Base
import Foundation
import Testing

@Suite struct InstantTests {
    /// Days of the years 1 to 9999, with those around the leap day of every century.
    private static let dayNumbers: [Int64] = {
        let first = CivilDate(year: 1, month: 1, day: 1)?.dayNumber ?? 0
        let last = CivilDate(year: 9_999, month: 12, day: 31)?.dayNumber ?? 0
        let turns = stride(from: Int64(100), through: 9_900, by: 100).compactMap {
            CivilDate(year: $0, month: 3, day: 1)?.dayNumber
        }
        return Array(stride(from: first, through: last, by: 373)) + turns.flatMap { [$0 - 2, $0 - 1, $0] } + [
            first, last, -1, 0, 1,
        ]
    }()

    @Test func `days agree with Foundation's calendar`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        // Foundation's Gregorian calendar is Julian before the reform of 1582; CivilDate is proleptic Gregorian.
        let reform = try #require(CivilDate(year: 1_582, month: 10, day: 15)).dayNumber
        for dayNumber in Self.dayNumbers where dayNumber >= reform {
            let date = CivilDate(dayNumber: dayNumber)
            let expected = calendar.dateComponents(
                [.year, .month, .day, .weekday], from: Date(timeIntervalSince1970: Double(dayNumber) * 86_400))
            #expect((Int(date.year), Int(date.month), Int(date.day)) == (expected.year, expected.month, expected.day))
            #expect(Int(CivilDate.weekday(dayNumber: dayNumber)) + 1 == expected.weekday)
        }
    }

    @Test func `dates and day numbers round-trip`() {
        for dayNumber in Self.dayNumbers {
            let date = CivilDate(dayNumber: dayNumber)
            #expect(date.dayNumber == dayNumber)
            #expect(CivilDate(year: date.year, month: date.month, day: date.day) == date)
        }
        for dayNumber: Int64 in -800_000..<(-799_000) {
            #expect(CivilDate(dayNumber: dayNumber).dayNumber == dayNumber)
        }
    }

    @Test(arguments: [
        (1900, 2, 29), (2023, 2, 29), (2100, 2, 29), (2024, 2, 30), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1),
        (2024, 1, 0), (2024, 1, 32),
    ])
    func `a date that does not exist is nil`(_ year: Int64, _ month: Int64, _ day: Int64) {
        #expect(CivilDate(year: year, month: month, day: day) == nil)
    }

    @Test(arguments: [(2000, 2, 29), (2024, 2, 29), (2400, 2, 29), (2023, 2, 28), (2024, 12, 31), (1, 1, 1)])
    func `leap days and month ends exist`(_ year: Int64, _ month: Int64, _ day: Int64) {
        #expect(CivilDate(year: year, month: month, day: day) != nil)
    }

    @Test func `the text of instants agrees with Foundation and round-trips`() throws {
        let style = Date.ISO8601FormatStyle()
        for dayNumber in Self.dayNumbers where dayNumber > -141_000 {
            let instant = Instant(seconds: dayNumber * 86_400 + (dayNumber &* 7_919) % 86_400)
            let text = instant.description
            #expect(try style.parse(text).timeIntervalSince1970 == Double(instant.seconds), "\(text)")
            #expect(Instant(text) == instant, "\(text)")
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000001Z"), (-1, "1969-12-31T23:59:59.999999Z"),
            (1_500_000, "1970-01-01T00:00:01.500000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"), (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func `microseconds are kept`(_ microseconds: Int64, _ text: String) {
        #expect(Instant(microseconds: microseconds).description == text)
        #expect(Instant(text) == Instant(microseconds: microseconds))
    }

    @Test func `decimals are parsed by their place value`() {
        #expect(Instant("2026-01-31T12:00:00.5Z") == Instant(microseconds: 1_769_860_800_500_000))
        #expect(Instant("2026-01-31T12:00:00.05Z") == Instant(microseconds: 1_769_860_800_050_000))
        #expect(Instant(microseconds: -1).seconds == -1)
    }

    @Test(arguments: [
        "", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+00:00", "2026-01-31 12:00:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z", "2026-02-30T12:00:00Z", "2026-13-01T12:00:00Z", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567Z",
        "2026-01-31T12:00:00,5Z",
        "+026-01-31T12:00:00Z", "2026-01-31T12:00:0٣Z", "2026/01/31T12:00:00Z", " 2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z", "2026-01-31T12:00:00ZZ",
        "12026-01-31T12:00:00Z",
    ])
    func `a text that is not a time in UTC is nil`(_ text: String) {
        #expect(Instant(text) == nil)
    }

    @Test func `instants and durations add and subtract`() {
        let start = Instant(seconds: 1_000)
        #expect(start + .minutes(2) - start == .seconds(120))
        #expect(start - .hours(1) < start)
        #expect((start + .milliseconds(1)).microseconds == 1_000_001_000)
        #expect(Duration.days(1).microseconds == 86_400_000_000)
        #expect(Duration.milliseconds(-1).microseconds == -1_000)
        #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
        #expect((-7 as Int64).quotient(flooredBy: 2) == -4)
        #expect((7 as Int64).quotient(flooredBy: 2) == 3)
        #expect((-8 as Int64).quotient(flooredBy: 2) == -4)
    }
}
