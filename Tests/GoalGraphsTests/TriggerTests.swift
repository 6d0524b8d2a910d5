import Base
import GoalGraphs
import Jobs
import TestKit
import Testing

/// The times of triggers, by the cron expressions that run them.
@Suite struct TriggerTests {
    private func times(_ sentence: String, after start: String, _ count: Int) throws -> [String] {
        let trigger = try #require(try RulePlanner(timeZone: "Europe/Berlin").plan("read a.csv \(sentence)").trigger)
        let expression = try CronExpression(trigger.cron, timeZone: trigger.timeZone)
        var times = [try #require(Instant(start))]
        for _ in 0..<count { times.append(expression.next(after: times[times.count - 1])) }
        return times.dropFirst().map(\.description)
    }

    @Test(arguments: [
        // A skipped local time fires at the first instant after the gap.
        ("every day at 2:30", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        // A repeated one fires in its first occurrence.
        ("every day at 2:30", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("every day at 2:30 in UTC", "2026-03-28T12:00:00Z", ["2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z"]),
        ("every Monday and Friday at 9", "2026-11-30T09:00:00Z", ["2026-12-04T08:00:00Z", "2026-12-07T08:00:00Z"]),
        ("on the first of each month", "2026-11-30T00:00:00Z", ["2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z"]),
        ("monthly on the 31st at noon", "2026-11-30T00:00:00Z", ["2026-12-31T11:00:00Z", "2027-01-31T11:00:00Z"]),
        ("every year on 29 February", "2026-11-30T00:00:00Z", ["2028-02-28T23:00:00Z", "2032-02-28T23:00:00Z"]),
        ("every 6 hours", "2026-11-30T00:30:00Z", ["2026-11-30T05:00:00Z", "2026-11-30T11:00:00Z"]),
        ("on weekends at 10 pm", "2026-12-05T00:00:00Z", ["2026-12-05T21:00:00Z", "2026-12-06T21:00:00Z"]),
        ("every Friday to Sunday at 1", "2026-12-03T12:00:00Z", ["2026-12-04T00:00:00Z", "2026-12-05T00:00:00Z"]),
    ])
    func `fire in the local time of their zone`(sentence: String, start: String, expected: [String]) throws {
        #expect(try times(sentence, after: start, 2) == expected)
    }

    @Test func `every recurrence is a valid cron expression`() throws {
        var generator = FormGenerator(seed: 51)
        for form in RulePlanner.forms where form.id.hasPrefix("time.") && form.id != "time.zone" {
            for _ in 0..<10 {
                let sentence = generator.sentence(form)
                guard sentence.values["number"] == nil else { continue }
                let graph = try RulePlanner().plan("\(sentence.text) read a.csv")
                let trigger = try #require(graph.trigger)
                #expect(throws: Never.self) { try CronExpression(trigger.cron, timeZone: trigger.timeZone) }
            }
        }
    }
}
