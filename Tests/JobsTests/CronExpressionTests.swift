import Base
import Testing

@testable import Jobs

@Suite struct CronExpressionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let expression: String
        var zone = "UTC"
        let after: String
        let next: [String]

        var testDescription: String { "\(expression) in \(zone) after \(after)" }
    }

    static let cases = [
        Case(
            expression: "* * * * *", after: "2026-01-01T00:00:00Z",
            next: ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]),
        Case(expression: "* * * * *", after: "2026-01-01T00:00:59.999999Z", next: ["2026-01-01T00:01:00Z"]),
        Case(
            expression: "*/15 * * * *", after: "2026-01-01T00:07:30Z",
            next: ["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z", "2026-01-01T01:00:00Z"]
        ),
        Case(
            expression: "10-30/10,55 8 * * *", after: "2026-01-01T08:10:00Z",
            next: ["2026-01-01T08:20:00Z", "2026-01-01T08:30:00Z", "2026-01-01T08:55:00Z", "2026-01-02T08:10:00Z"]
        ),
        Case(
            expression: "0 0 1 * *", after: "2026-01-01T00:00:00Z",
            next: ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]),
        Case(
            expression: "0 0 31 * *", after: "2026-01-31T00:00:00Z",
            next: ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        Case(
            expression: "0 12 29 2 *", after: "2026-01-01T00:00:00Z",
            next: ["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]),
        Case(expression: "0 12 29 2 *", after: "2097-01-01T00:00:00Z", next: ["2104-02-29T12:00:00Z"]),
        Case(
            expression: "30 6 * * MON-FRI", after: "2026-03-06T07:00:00Z",
            next: ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"]),
        Case(expression: "0 0 * * 7", after: "2026-03-02T00:00:00Z", next: ["2026-03-08T00:00:00Z"]),
        Case(expression: "0 0 * * 0", after: "2026-03-02T00:00:00Z", next: ["2026-03-08T00:00:00Z"]),
        Case(
            expression: "0 0 * * fri-sun", after: "2026-03-02T00:00:00Z",
            next: ["2026-03-06T00:00:00Z", "2026-03-07T00:00:00Z", "2026-03-08T00:00:00Z", "2026-03-13T00:00:00Z"]
        ),
        Case(
            expression: "0 0 1 jan,JUL *", after: "2026-01-01T00:00:00Z",
            next: ["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        // With both days restricted, a day that matches either matches…
        Case(
            expression: "0 0 13 * FRI", after: "2026-03-02T00:00:00Z",
            next: [
                "2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z", "2026-03-27T00:00:00Z",
                "2026-04-03T00:00:00Z", "2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z",
            ]
        ),
        // …and with `*` in one of them both have to match.
        Case(
            expression: "0 0 */2 * MON", after: "2026-03-02T00:00:00Z",
            next: ["2026-03-09T00:00:00Z", "2026-03-23T00:00:00Z"]),
        Case(expression: "59 23 31 12 *", after: "2026-03-02T00:00:00Z", next: ["2026-12-31T23:59:00Z"]),
        Case(
            expression: "  0\t9  * * 1-5 ", zone: "Asia/Kolkata", after: "2026-03-02T00:00:00Z",
            next: ["2026-03-02T03:30:00Z", "2026-03-03T03:30:00Z"]),
        Case(
            expression: "0 0 * * *", zone: "Pacific/Apia", after: "2011-12-29T11:00:00Z",
            next: ["2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]),
        // Clocks go forward at 02:00 on 29 March 2026: skipped times fire once, at the end of the gap.
        Case(
            expression: "30 2 * * *", zone: "Europe/Vienna", after: "2026-03-27T12:00:00Z",
            next: ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        ),
        Case(
            expression: "*/20 2 * * *", zone: "Europe/Vienna", after: "2026-03-29T00:30:00Z",
            next: ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        Case(
            expression: "0 2,3 * * *", zone: "Europe/Vienna", after: "2026-03-29T00:30:00Z",
            next: ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        Case(
            expression: "0 * * * *", zone: "Europe/Vienna", after: "2026-03-28T23:30:00Z",
            next: ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]
        ),
        // Clocks go back at 03:00 on 25 October 2026: repeated times fire the first time.
        Case(
            expression: "30 2 * * *", zone: "Europe/Vienna", after: "2026-10-24T12:00:00Z",
            next: ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        Case(
            expression: "30 2 * * *", zone: "Europe/Vienna", after: "2026-10-25T00:30:00Z",
            next: ["2026-10-26T01:30:00Z"]),
        Case(
            expression: "30 2 * * *", zone: "Europe/Vienna", after: "2026-10-25T01:10:00Z",
            next: ["2026-10-26T01:30:00Z"]),
        Case(
            expression: "0 2,3 * * *", zone: "Europe/Vienna", after: "2026-10-24T12:00:00Z",
            next: ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"]),
        Case(
            expression: "0 3 * * *", zone: "Europe/Vienna", after: "2026-10-24T12:00:00Z",
            next: ["2026-10-25T02:00:00Z"]),
    ]

    @Test(arguments: cases)
    func `an expression's next times match`(expected: Case) throws {
        let expression = try CronExpression(expected.expression, timeZone: expected.zone)
        var moment = try #require(Instant(expected.after))
        for next in expected.next {
            moment = expression.next(after: moment)
            #expect(moment.description == next)
        }
    }

    @Test(arguments: [
        ("", "five fields are needed (minute, hour, day of month, month, day of week), here are 0"),
        ("* * * *", "five fields are needed (minute, hour, day of month, month, day of week), here are 4"),
        ("0 0 0 * * *", "five fields are needed (minute, hour, day of month, month, day of week), here are 6"),
        ("@daily", "five fields are needed (minute, hour, day of month, month, day of week), here are 1"),
        ("60 * * * *", "minute: 60 is not between 0 and 59"),
        ("* 24 * * *", "hour: 24 is not between 0 and 23"),
        ("* * 0 * *", "day of month: 0 is not between 1 and 31"),
        ("* * * 13 *", "month: 13 is not between 1 and 12"),
        ("* * * * 8", "day of week: 8 is not between 0 and 7"),
        ("-1 * * * *", "minute: '' is not a number"),
        ("+1 * * * *", "minute: '+1' is not a number"),
        ("1, * * * *", "minute: a part of the list is empty"),
        ("*/0 * * * *", "minute: a step of 0 goes nowhere"),
        ("*/x * * * *", "minute: 'x' is not a step"),
        ("*/60 * * * *", "minute: the step of '*/60' is longer than its range"),
        ("5/15 * * * *", "minute: a step needs a range to go through: write '5-59/15' for '5/15'"),
        ("30-10 * * * *", "minute: the range '30-10' runs backwards"),
        ("1-2-3 * * * *", "minute: '1-2-3' is not a range"),
        ("*/2/3 * * * *", "minute: '*/2/3' has more than one step"),
        ("* * L * *", "day of month: 'L' is not a number"),
        ("* * * FEBR *", "month: 'FEBR' is not a number or a name of three letters"),
        ("* * * * FRIDAY", "day of week: 'FRIDAY' is not a number or a name of three letters"),
        ("* * 30 2 *", "there is no such day in any year"),
        ("99999 * * * *", "minute: '99999' is not a number"),
    ])
    func `the fault of an expression is named`(expression: String, fault: String) {
        #expect(throws: CronFault(expression: expression, faults: [fault])) {
            try CronExpression(expression, timeZone: "UTC")
        }
    }

    @Test func `all faults of an expression are named`() {
        let fault = #expect(throws: CronFault.self) {
            try CronExpression("61,x 25 * * MON-XYZ", timeZone: "Europe/Wien")
        }
        #expect(
            fault?.faults == [
                "minute: 61 is not between 0 and 59", "minute: 'x' is not a number", "hour: 25 is not between 0 and 23",
                "day of week: 'XYZ' is not a number or a name of three letters",
                "'Europe/Wien' is not a known time zone",
            ])
        #expect(fault.map { "\($0)" }?.hasPrefix("'61,x 25 * * MON-XYZ' is not a schedule: minute: 61 is not") == true)
    }

    @Test func `an invalid rule of a schedule stops the program with its faults`() async {
        let exit = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Schedule(id: "nightly", .cron("0 25 * * *", timeZone: "UTC")) { _, _, _ in }
        }
        let output = exit.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(output.contains("schedule 'nightly': '0 25 * * *' is not a schedule: hour: 25 is not between 0 and 23"))
    }

    @Test func `the latest ticks are found without enumerating all of them`() throws {
        let rule = try ScheduleRule(.cron("* * * * *", timeZone: "UTC"))
        let (first, now) = (Instant(seconds: 0), Instant(seconds: 1_772_438_430))
        #expect(rule.latest(1, from: first, through: now) == [Instant(seconds: 1_772_438_400)])
        #expect(rule.latest(100, from: first, through: now).count == 100)
        #expect(rule.latest(5, from: now + .seconds(30), through: now) == [])
        let rare = try ScheduleRule(.cron("0 0 29 2 *", timeZone: "UTC"))
        let leap = try #require(Instant("2020-02-29T00:00:00Z"))
        #expect(
            rare.latest(3, from: leap, through: now).map(\.description) == [
                "2020-02-29T00:00:00Z", "2024-02-29T00:00:00Z",
            ])
        let interval = try ScheduleRule(.every(.seconds(7)))
        #expect(
            interval.latest(2, from: Instant(seconds: 1), through: Instant(seconds: 30)) == [
                Instant(seconds: 22), Instant(seconds: 29),
            ])
    }
}
