import Modules

/// Usage over time.
struct UsageSeries: Payload {
    enum Step: String, Codable, CaseIterable, Sendable {
        case hour, day

        var width: Duration { self == .hour ? .hours(1) : .days(1) }
    }

    struct Point: Payload {
        /// The start of the hour, or of the day in UTC.
        var start: Instant
        var used: Int64
    }

    var meter: String
    var by: Step
    var from: Instant
    /// Exclusive: the end of the last point.
    var to: Instant
    var total: Int64
    /// Every hour or day of the range, including those without usage.
    var points: [Point]

    static let pointsMax: Int64 = 1_000
    static let pointsDefault: Int64 = 30
}
