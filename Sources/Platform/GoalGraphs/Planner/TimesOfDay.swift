/// Times of a day that one cron expression has: hours, all at the same minute.
struct TimesOfDay: Hashable, Sendable {
    let hours: [Int]
    let minute: Int
}
