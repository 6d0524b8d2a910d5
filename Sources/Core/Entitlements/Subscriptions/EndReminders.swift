package import Modules

/// When reminders are sent of the end of what does not renew by itself: a trial, or a plan that is paid for in advance.
package enum EndReminders {
    /// Days before the end, in descending order.
    package static let days: [Int64] = [7, 3, 1]

    /// How long before the end the first one is sent.
    package static let first = Duration.days(days[0])

    /// An expression for the days of the latest reminder that is due.
    /// - Parameter end: a column of ends after `now` and at most ``first`` away.
    package static func latestDue(of end: SQL, at now: Instant) -> SQL {
        var expression: SQL = "CASE"
        for days in days.reversed() {
            expression = "\(expression) WHEN \(end) <= \(now + .days(days)) THEN \(days)"
        }
        return "\(expression) END"
    }
}
