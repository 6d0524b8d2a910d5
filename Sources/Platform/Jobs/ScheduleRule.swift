import Base

/// A valid rule.
enum ScheduleRule: Sendable {
    case cron(CronExpression)
    case interval(Duration)

    init(_ rule: Schedule.Rule) throws(CronFault) {
        switch rule {
        case .cron(let text, let timeZone): self = .cron(try CronExpression(text, timeZone: timeZone))
        case .every(let interval):
            guard interval >= .seconds(1) else {
                throw CronFault(expression: "every \(interval)", faults: ["an interval is at least one second"])
            }
            self = .interval(interval)
        }
    }

    /// The rule as stored beside its next tick: another text is another rule.
    var text: String {
        switch self {
        case .cron(let expression): "cron \(expression.text) \(expression.timeZone)"
        case .interval(let interval): "every \(interval.microseconds) us"
        }
    }

    /// The first tick after `moment`, where `moment` is a tick or the time of the registration.
    func next(after moment: Instant) -> Instant {
        switch self {
        case .cron(let expression): expression.next(after: moment)
        case .interval(let interval): moment + interval
        }
    }

    /// The last `count` ticks from `first`, which is one, through `now`; in order.
    func latest(_ count: Int, from first: Instant, through now: Instant) -> [Instant] {
        guard first <= now else { return [] }
        switch self {
        case .interval(let interval):
            let last = (now - first).microseconds / interval.microseconds
            return (max(0, last - Int64(count) + 1)...last).map { first + .microseconds($0 * interval.microseconds) }
        case .cron(let expression):
            // The window before now grows until it holds `count` ticks, so that a year of missed minutes is not
            // enumerated.
            var window = Duration.hours(1)
            while true {
                let start = max(first - .microseconds(1), now - window)
                var found: [Instant] = []
                var tick = expression.next(after: start)
                while tick <= now {
                    found.append(tick)
                    tick = expression.next(after: tick)
                }
                if found.count >= count || start < first { return found.suffix(count) }
                window = window * 8
            }
        }
    }
}
