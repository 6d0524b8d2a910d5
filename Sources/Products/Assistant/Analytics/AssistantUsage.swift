import Identity
import Models
import Modules

/// What was used in a time, of one model and project or of several.
struct AssistantUsage: Sendable {
    /// Sessions that began.
    var sessions: Int64 = 0
    var messages: Int64 = 0
    var turns: Int64 = 0
    /// Turns that broke off, or had no answer.
    var errors: Int64 = 0
    var inputTokens: Int64 = 0
    var outputTokens: Int64 = 0
    /// In millionths of a US dollar.
    var costMicros: Int64 = 0
    /// Of all turns together.
    var responseMicros: Int64 = 0

    /// The length of time that a row of the table counts.
    enum Unit: String, Sendable, CaseIterable, SQLBindable {
        case hour, day

        private var microseconds: Int64 { self == .hour ? 3_600_000_000 : 86_400_000_000 }

        /// The beginning of the hour or day, in UTC.
        func start(of time: Instant) -> Instant {
            Instant(microseconds: time.microseconds.quotient(flooredBy: microseconds) * microseconds)
        }
    }

    init() {}

    init(row: Row) throws {
        sessions = try row["sessions"]
        messages = try row["messages"]
        turns = try row["turns"]
        errors = try row["errors"]
        inputTokens = try row["input_tokens"]
        outputTokens = try row["output_tokens"]
        costMicros = try row["cost_micros"]
        responseMicros = try row["response_micros"]
    }

    static func + (left: AssistantUsage, right: AssistantUsage) -> AssistantUsage {
        var sum = left
        sum.sessions += right.sessions
        sum.messages += right.messages
        sum.turns += right.turns
        sum.errors += right.errors
        sum.inputTokens += right.inputTokens
        sum.outputTokens += right.outputTokens
        sum.costMicros += right.costMicros
        sum.responseMicros += right.responseMicros
        return sum
    }
}

/// Which rows are summed.
struct UsageSelection: Sendable {
    let range: Range<Instant>
    /// Nil for those of all organisations.
    let organisation: ID<Organisation>?
    /// Nil for those of all projects, and of none.
    let project: ID<AssistantProject>?
}

/// The lengths of time that a series has a point for.
enum SeriesPeriod: String, Codable, Sendable, CaseIterable {
    case hour, day, week, month

    /// The rows that it is summed from.
    var unit: AssistantUsage.Unit { self == .hour ? .hour : .day }

    /// The most points of a series.
    static let pointsMax = 1_000

    /// The beginning of the period that a time is in, in UTC; a week begins on Monday.
    func start(of time: Instant) -> Instant {
        let day = time.seconds.quotient(flooredBy: 86_400)
        switch self {
        case .hour: return AssistantUsage.Unit.hour.start(of: time)
        case .day: return AssistantUsage.Unit.day.start(of: time)
        case .week: return Self.midnight(day - (CivilDate.weekday(dayNumber: day) + 6) % 7)
        case .month: return Self.midnight(day - CivilDate(dayNumber: day).day + 1)
        }
    }

    /// The beginning of the period behind the one that begins at `start`.
    func next(after start: Instant) -> Instant {
        switch self {
        case .hour: start + .hours(1)
        case .day: start + .days(1)
        case .week: start + .days(7)
        // The longest month has fewer than 32 days.
        case .month: self.start(of: start + .days(32))
        }
    }

    private static func midnight(_ day: Int64) -> Instant { Instant(seconds: day * 86_400) }
}
