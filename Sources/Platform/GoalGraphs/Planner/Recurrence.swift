/// The forms of recurring times, and the cron expressions that they stand for.
struct Recurrence: Sendable {
    let form: SentenceForm
    /// The five fields.
    let cron: @Sendable (FormMatch) throws(FormFault) -> [String]

    private init(
        _ id: String, _ pattern: String, example: String,
        cron: @escaping @Sendable (FormMatch) throws(FormFault) -> [String]
    ) {
        form = SentenceForm(id, pattern, example: example)
        self.cron = cron
    }

    /// Fields for times of the day on days.
    private static func fields(
        _ match: FormMatch, days: [Int] = [], months: [Int] = [], weekdays: [Int] = []
    ) -> [String] {
        let times = match.times("times")
        func field(_ numbers: [Int]) -> String {
            numbers.isEmpty ? "*" : Set(numbers).sorted().map(String.init).joined(separator: ",")
        }
        return ["\(times.minute)", field(times.hours), field(days), field(months), field(weekdays)]
    }

    /// Every `count`-th of a unit. Cron counts within the next larger unit, so that other counts would not be even.
    private static func step(_ count: Int, of whole: Int, _ unit: String) throws(FormFault) -> String {
        guard count < whole, whole % count == 0 else {
            let even = (2..<whole).filter { whole % $0 == 0 }.map(String.init).joined(separator: ", ")
            throw FormFault("\(count) \(unit) do not divide \(whole) evenly; \(even) do")
        }
        return count == 1 ? "*" : "*/\(count)"
    }

    static let all: [Recurrence] = [
        Recurrence(
            "time.day", "(every day|each day|daily) [at {times}]", example: "every day at 18:30"
        ) { match in fields(match) },
        Recurrence(
            "time.timeFirst", "at {times} (every day|each day|daily)", example: "at 7:15 every day"
        ) { match in fields(match) },
        Recurrence(
            "time.weekdays", "(every week on|each week on|weekly on|every|each) {weekdays} [at {times}]",
            example: "every Monday and Thursday at 9"
        ) { match in fields(match, weekdays: match.numbers("weekdays")) },
        Recurrence(
            "time.onWeekdays", "on {weekdays:pluralWeekdays} [at {times}]", example: "on Tuesdays at 10:45"
        ) { match in fields(match, weekdays: match.numbers("weekdays")) },
        Recurrence(
            "time.timeFirstWeekdays", "at {times} (every {weekdays}|each {weekdays}|on {weekdays:pluralWeekdays})",
            example: "at 9 on weekdays"
        ) { match in fields(match, weekdays: match.numbers("weekdays")) },
        Recurrence("time.hour", "(every hour|each hour|hourly)", example: "every hour") { _ in
            ["0", "*", "*", "*", "*"]
        },
        Recurrence("time.hours", "every {number} hours", example: "every 6 hours") { match throws(FormFault) in
            ["0", try step(match.number("number"), of: 24, "hours"), "*", "*", "*"]
        },
        Recurrence(
            "time.minutes", "every {number} minutes", example: "every 15 minutes"
        ) { match throws(FormFault) in [try step(match.number("number"), of: 60, "minutes"), "*", "*", "*", "*"] },
        Recurrence(
            "time.month", "on [the] {days} [day] of (each|every) month [at {times}]",
            example: "on the first of each month at noon"
        ) { match in fields(match, days: match.numbers("days")) },
        Recurrence(
            "time.monthly", "(every month|each month|monthly) on [the] {days} [day] [at {times}]",
            example: "monthly on the 1st and 15th at 8 am"
        ) { match in fields(match, days: match.numbers("days")) },
        Recurrence(
            "time.year", "(every year|each year|yearly) on [the] {date} [at {times}]",
            example: "every year on 31 December at 23:00"
        ) { match in
            let date = match.date("date")
            return fields(match, days: [date.day], months: [date.month])
        },
        Recurrence(
            "time.date", "on [the] {date} (every|each) year [at {times}]", example: "on March 1st every year"
        ) { match in
            let date = match.date("date")
            return fields(match, days: [date.day], months: [date.month])
        },
    ]

    /// Behind recurring times: where their clock is.
    static let zone = SentenceForm("time.zone", "in {zone}", example: "in Europe/Berlin")

    static let firstWords = all.reduce(into: Set<String>()) { $0.formUnion($1.form.firstWords) }
}

extension FormMatcher {
    /// Recurring times, with their zone.
    mutating func recurrence(at position: Int) -> (Trigger, end: Int)? {
        var longest: (fields: [String], end: Int)?
        for recurrence in Recurrence.all {
            guard let (match, end) = match(recurrence.form, at: position), end > longest?.end ?? position else {
                continue
            }
            do throws(FormFault) { longest = (try recurrence.cron(match), end) } catch { reject(error) }
        }
        guard let longest else { return nil }
        let cron = longest.fields.joined(separator: " ")
        guard let (match, end) = match(Recurrence.zone, at: longest.end) else {
            return (Trigger(cron: cron, timeZone: timeZone), longest.end)
        }
        return (Trigger(cron: cron, timeZone: match.text("zone")), end)
    }
}
