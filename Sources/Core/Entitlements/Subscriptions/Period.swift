package import Modules

/// One month, or one year, of a subscription. Months are counted from the anchor, not from the previous month, so that
/// a subscription of the 31st renews on 28 February and again on 31 March.
package struct Period: Sendable, Hashable {
    package let start: Instant
    /// Exclusive: the start of the next period.
    package let end: Instant

    init(start: Instant, end: Instant) {
        self.start = start
        self.end = end
    }

    /// The period that contains `now`; before the anchor, the first one.
    package init(anchor: Instant, every cycle: Cycle = .monthly, containing now: Instant) {
        let anchorDate = CivilDate(dayNumber: anchor.seconds.quotient(flooredBy: 86_400))
        let nowDate = CivilDate(dayNumber: now.seconds.quotient(flooredBy: 86_400))
        var months = max(0, (nowDate.year - anchorDate.year) * 12 + nowDate.month - anchorDate.month)
        // The clamped day, or the time of day, may be later in this month than now.
        if months > 0, Self.moment(months: months, after: anchor) > now { months -= 1 }
        months -= months % cycle.months
        start = Self.moment(months: months, after: anchor)
        end = Self.moment(months: months + cycle.months, after: anchor)
    }

    /// The anchor's day and time of day, `months` months later, clamped to the end of a shorter month.
    package static func moment(months: Int64, after anchor: Instant) -> Instant {
        let dayNumber = anchor.seconds.quotient(flooredBy: 86_400)
        let date = CivilDate(dayNumber: dayNumber)
        let timeOfDay = anchor.microseconds - dayNumber * 86_400_000_000
        let index = date.year * 12 + date.month - 1 + months
        let (year, month) = (index.quotient(flooredBy: 12), index - index.quotient(flooredBy: 12) * 12 + 1)
        let day = min(date.day, CivilDate.days(inMonth: month, of: year))
        guard let moved = CivilDate(year: year, month: month, day: day) else {
            preconditionFailure("a clamped day is a day")
        }
        return Instant(microseconds: moved.dayNumber * 86_400_000_000 + timeOfDay)
    }
}
