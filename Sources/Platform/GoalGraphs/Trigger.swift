/// When a workflow runs again: the five fields of a cron expression in the local time of an IANA time zone.
///
/// The times themselves are those of `CronExpression`, which validates the expression and knows daylight saving.
package struct Trigger: Hashable, Sendable, Codable {
    /// Such as `0 9 * * 1`.
    package var cron: String
    /// Such as `Europe/Berlin`.
    package var timeZone: String

    package init(cron: String, timeZone: String) {
        self.cron = cron
        self.timeZone = timeZone
    }

    private enum CodingKeys: String, CodingKey {
        case cron
        case timeZone = "time_zone"
    }
}
