import Base
import Testing

@testable import Entitlements

@Suite struct PeriodTests {
    private func instant(_ text: String) throws -> Instant { try #require(Instant(text)) }

    @Test func `an anchor on the 31st is clamped in shorter months only`() throws {
        let anchor = try instant("2026-01-31T12:34:56Z")
        let starts = (0...14).map { Period.moment(months: $0, after: anchor).description }
        #expect(
            starts == [
                "2026-01-31T12:34:56Z", "2026-02-28T12:34:56Z", "2026-03-31T12:34:56Z", "2026-04-30T12:34:56Z",
                "2026-05-31T12:34:56Z",
                "2026-06-30T12:34:56Z", "2026-07-31T12:34:56Z", "2026-08-31T12:34:56Z", "2026-09-30T12:34:56Z",
                "2026-10-31T12:34:56Z",
                "2026-11-30T12:34:56Z", "2026-12-31T12:34:56Z", "2027-01-31T12:34:56Z", "2027-02-28T12:34:56Z",
                "2027-03-31T12:34:56Z",
            ]
        )
    }

    @Test func `a leap year has the 29th of February`() throws {
        #expect(
            Period.moment(months: 1, after: try instant("2028-01-31T00:00:00Z"))
                == (try instant("2028-02-29T00:00:00Z")))
        #expect(
            Period.moment(months: 12, after: try instant("2028-02-29T00:00:00Z"))
                == (try instant("2029-02-28T00:00:00Z")))
        #expect(
            Period.moment(months: 48, after: try instant("2028-02-29T00:00:00Z"))
                == (try instant("2032-02-29T00:00:00Z")))
        // 2100 is not a leap year, 2000 is one.
        #expect(
            Period.moment(months: 1, after: try instant("2100-01-30T00:00:00Z"))
                == (try instant("2100-02-28T00:00:00Z")))
        #expect(
            Period.moment(months: 1, after: try instant("2000-01-30T00:00:00Z"))
                == (try instant("2000-02-29T00:00:00Z")))
    }

    /// Every anchor day, in a leap year and a common year, at midnight, during the day and at its last microsecond.
    private static let anchors: [Instant] = [1972, 1973].flatMap { year in
        (1...31).flatMap { day in
            [0, 45_296_000_000, 86_399_999_999].compactMap { time -> Instant? in
                CivilDate(year: year, month: 1, day: day).map {
                    Instant(microseconds: $0.dayNumber * 86_400_000_000 + time)
                }
            }
        }
    }

    @Test(arguments: anchors, Cycle.allCases)
    func `periods tile time from 1970 to 2100 without a gap or an overlap`(anchor: Instant, cycle: Cycle) throws {
        let end = try instant("2100-12-31T00:00:00Z")
        var period = Period(anchor: anchor, every: cycle, containing: anchor)
        #expect(period.start == anchor)
        var (count, faults) = (Int64(0), 0)
        while period.end < end {
            let next = Period(anchor: anchor, every: cycle, containing: period.end)
            // A period contains its last microsecond and its middle.
            let tiles =
                next.start == period.end && next.end > next.start
                && Period(anchor: anchor, every: cycle, containing: Instant(microseconds: period.end.microseconds - 1))
                    == period
                && Period(anchor: anchor, every: cycle, containing: period.start + .days(14 * cycle.months)) == period
            faults += tiles ? 0 : 1
            period = next
            count += cycle.months
        }
        #expect(faults == 0)
        #expect(count >= 12 * 127)
    }

    @Test func `a time before the anchor is in the first period`() throws {
        let anchor = try instant("2026-03-15T08:00:00Z")
        for early in ["1970-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-15T07:59:59.999999Z"] {
            #expect(Period(anchor: anchor, containing: try instant(early)).start == anchor)
        }
    }

    @Test func `an anchor before 1970 is supported`() throws {
        let anchor = try instant("1969-10-31T23:59:59.5Z")
        let period = Period(anchor: anchor, containing: try instant("1970-02-28T23:59:59.5Z"))
        #expect(period.start.description == "1970-02-28T23:59:59.500000Z")
        #expect(period.end.description == "1970-03-31T23:59:59.500000Z")
    }
}
