import Identity
import Modules

/// Use over time, point by point.
struct UsageSeries: Payload {
    enum Step: String, Codable, CaseIterable, Sendable {
        case hour, day

        var width: Duration { self == .hour ? .hours(1) : .days(1) }
    }

    struct Point: Payload {
        /// When the hour, or the day in UTC, begins.
        var start: Instant
        var used: Int64
    }

    var meter: String
    var by: Step
    var from: Instant
    /// The first moment behind the last point.
    var to: Instant
    var total: Int64
    /// Every hour or day of the range, also those without use.
    var points: [Point]

    static let pointsMax: Int64 = 1_000
    static let pointsUsual: Int64 = 30
}

extension UsageService {
    /// - Parameters:
    ///   - from: moved to the beginning of its hour or day; nil is ``UsageSeries/pointsUsual`` of them before the end.
    ///   - to: moved to the end of its hour or day; nil is now.
    /// - Throws: `validation-failed` for an unknown meter, or a range that is empty or has more than ``UsageSeries/pointsMax`` points.
    func series(of name: String, from: Instant?, to: Instant?, by step: UsageSeries.Step, scope: Scope)
        async throws(Problem) -> UsageSeries
    {
        guard let meter = meter(named: name) else { throw Problem.invalid("/query/meter", "is no known meter") }
        return try await database.read { transaction in
            let width = step.width.microseconds
            let last = (to ?? transaction.now).microseconds + (to == nil ? 1 : 0)
            let end = (last + width - 1).quotient(flooredBy: width)
            let start = from?.microseconds.quotient(flooredBy: width) ?? end - UsageSeries.pointsUsual
            guard start < end else { throw Problem.invalid("/query/to", "must be later than from") }
            guard end - start <= UsageSeries.pointsMax else {
                throw Problem.invalid("/query/from", "is more than \(UsageSeries.pointsMax) points before to")
            }
            let slots = (first: Instant(microseconds: start * width), end: Instant(microseconds: end * width))
            let used = try transaction.usage(
                of: meter.name, scope.organisation, from: slots.first, to: slots.end, by: step.width)
            return UsageSeries(
                meter: meter.name, by: step, from: slots.first, to: slots.end, total: used.values.reduce(0, +),
                points: (start..<end).map {
                    UsageSeries.Point(start: Instant(microseconds: $0 * width), used: used[$0] ?? 0)
                }
            )
        }
    }
}
