package import Base
import Foundation

/// A recurrence in the five fields of crontab(5), in the local time of a time zone. Used by the daily schedules of the
/// modules and by the cron triggers of users' workflows.
///
/// Fields hold `*`, numbers, ranges `a-b`, steps `*/n` and `a-b/n`, and lists of these. Months and days of the week may
/// be names of three letters, and Sunday is 0 or 7. Where both the day of the month and the day of the week are
/// restricted, a day that matches either field matches; a field that begins with `*` is unrestricted, as in Vixie cron.
///
/// A local time that daylight saving skips fires at the first instant after the gap; one that occurs twice fires the
/// first time only.
package struct CronExpression: Sendable, Equatable {
    package let text: String
    package let timeZone: String

    private let zone: LocalTime
    private let minutes: [Int64]
    private let hours: [Int64]
    private let daysOfMonth: CronField
    private let months: CronField
    private let daysOfWeek: CronField

    /// Two matching days are at most 40 years apart, leap days on given weekdays across 2100 included.
    private static let searchedDays: Int64 = 366 * 45

    /// - Throws: ``CronFault`` with every fault.
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
        // The calendar repeats itself, so the start does not matter.
        guard firstDay(from: 0) != nil else {
            throw CronFault(expression: text, faults: ["there is no such day in any year"])
        }
    }

    /// The first instant after `moment` at which the expression fires.
    package func next(after moment: Instant) -> Instant {
        // Local times map to instants in order, so the first one with a later instant is the result.
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
            preconditionFailure("'\(text)' has no next time, which its initializer excludes")
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
        let byWeek = daysOfWeek.contains(CivilDate.weekday(dayNumber: dayNumber))
        return daysOfMonth.isRestricted && daysOfWeek.isRestricted ? byMonth || byWeek : byMonth && byWeek
    }
}

/// Every fault of a cron expression.
package struct CronFault: Error, CustomStringConvertible, Equatable {
    package let expression: String
    package let faults: [String]

    package var description: String { "'\(expression)' is not a schedule: \(faults.joined(separator: "; "))" }
}
