package import Base
import Foundation

/// When something recurs, in the five fields of cron(8) and in a place's local time.
///
/// Fields hold `*`, numbers, ranges `a-b`, steps `*/n` and `a-b/n`, and lists of these; months and days of the week may be named by three
/// letters, and Sunday is 0 or 7. Where both the day of the month and the day of the week say something else than `*`, a day that
/// matches either will do; a field that begins with `*` counts as saying nothing, as in Vixie's cron.
///
/// A local time that is skipped when clocks go forward fires at the first instant after the gap; one that comes twice when they go back
/// fires the first time only.
package struct CronExpression: Sendable, Equatable {
    package let text: String
    package let timeZone: String

    private let zone: LocalTime
    private let minutes: [Int64]
    private let hours: [Int64]
    private let daysOfMonth: CronField
    private let months: CronField
    private let daysOfWeek: CronField

    /// No rule of days leaves more than forty years between two of them, leap days on given weekdays across 2100 included.
    private static let searchedDays: Int64 = 366 * 45

    /// - Throws: ``CronFault``, which names everything that is wrong.
    package init(_ text: String, timeZone: String) throws(CronFault) {
        var faults: [String] = []
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == CronField.kinds.count else {
            throw CronFault(
                expression: text,
                faults: [
                    "five fields are needed (minute, hour, day of month, month, day of week), here are \(words.count)"
                ])
        }
        let fields = zip(CronField.kinds, words).map { CronField($0, $1, faults: &faults) }
        let zone = LocalTime(identifier: timeZone)
        if zone == nil { faults.append("'\(timeZone)' is not a known time zone") }
        guard faults.isEmpty, let zone else { throw CronFault(expression: text, faults: faults) }
        self.text = words.joined(separator: " ")
        self.timeZone = timeZone
        self.zone = zone
        minutes = fields[0].sorted
        hours = fields[1].sorted
        daysOfMonth = fields[2]
        months = fields[3]
        daysOfWeek = fields[4]
        // Any start will do: the calendar repeats itself.
        guard firstDay(from: 0) != nil else {
            throw CronFault(expression: text, faults: ["there is no such day in any year"])
        }
    }

    /// The first instant after `moment` at which the expression fires.
    package func next(after moment: Instant) -> Instant {
        // Local times map to instants in order, so the first one whose instant lies ahead is the answer.
        var minute = zone.local(moment).quotient(flooredBy: 60) + 1
        while true {
            minute = firstMinute(from: minute)
            let instant = zone.instant(ofLocal: minute * 60)
            if instant > moment { return instant }
            minute += 1
        }
    }

    /// The first matching local minute from `minute` on, both counted from 1970.
    private func firstMinute(from minute: Int64) -> Int64 {
        let day = minute.quotient(flooredBy: 1_440)
        if matches(dayNumber: day), let time = firstTime(from: minute - day * 1_440) { return day * 1_440 + time }
        guard let later = firstDay(from: day + 1), let time = firstTime(from: 0) else {
            preconditionFailure("'\(text)' was found to fire, and then not to")
        }
        return later * 1_440 + time
    }

    /// The first matching minute of a day, from `minute` of it on.
    private func firstTime(from minute: Int64) -> Int64? {
        for hour in hours where hour >= minute / 60 {
            let least = hour == minute / 60 ? minute % 60 : 0
            if let minute = minutes.first(where: { $0 >= least }) { return hour * 60 + minute }
        }
        return nil
    }

    private func firstDay(from start: Int64) -> Int64? {
        (start..<start + Self.searchedDays).first(where: matches(dayNumber:))
    }

    private func matches(dayNumber: Int64) -> Bool {
        let date = CivilDate(dayNumber: dayNumber)
        guard months.contains(date.month) else { return false }
        let byMonth = daysOfMonth.contains(date.day)
        // 1970-01-01 was a Thursday.
        let byWeek = daysOfWeek.contains((dayNumber + 4) - (dayNumber + 4).quotient(flooredBy: 7) * 7)
        return daysOfMonth.isRestricted && daysOfWeek.isRestricted ? byMonth || byWeek : byMonth && byWeek
    }
}

/// What is wrong with a cron expression: all of it.
package struct CronFault: Error, CustomStringConvertible, Equatable {
    package let expression: String
    package let faults: [String]

    package var description: String { "'\(expression)' is not a schedule: \(faults.joined(separator: "; "))" }
}
