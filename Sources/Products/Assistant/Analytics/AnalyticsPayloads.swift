import Identity
import Models
import Modules

/// Numbers of a model, or of all of them.
struct AssistantUsageNumbers: Codable, Sendable {
    var sessions: Int64
    var messages: Int64
    var turns: Int64
    /// Turns that broke off, or had no answer.
    var errors: Int64
    var promptTokens: Int64
    var completionTokens: Int64
    var totalTokens: Int64
    /// In US dollars.
    var totalCost: DecimalNumber
    /// In seconds; nil without a turn.
    var averageResponseTime: DecimalNumber?

    init(_ usage: AssistantUsage) {
        sessions = usage.sessions
        messages = usage.messages
        turns = usage.turns
        errors = usage.errors
        promptTokens = usage.inputTokens
        completionTokens = usage.outputTokens
        totalTokens = usage.inputTokens + usage.outputTokens
        totalCost = .dollars(usage.costMicros)
        if usage.turns > 0 {
            averageResponseTime = DecimalNumber(usage.responseMicros / usage.turns, fractionDigits: 6)
        }
    }
}

struct AssistantModelNumbers: Codable, Sendable {
    var model: String
    var numbers: AssistantUsageNumbers
}

/// The use of the assistant between two times.
struct AssistantUsageReport: Payload {
    /// The beginning of a day, in UTC.
    var startDate: Instant
    /// The beginning of the day that is not counted any more.
    var endDate: Instant
    var totals: AssistantUsageNumbers
    /// The most expensive first.
    var models: [AssistantModelNumbers]
    /// Days that numbers are kept for.
    var retentionDays: Int64
    var currency: String
}

struct AssistantModelTokens: Codable, Sendable {
    var model: String
    var promptTokens: Int64
    var completionTokens: Int64
    /// In US dollars.
    var cost: DecimalNumber
}

/// Tokens and costs of the last hour, day, week or month.
struct AssistantTokenReport: Payload {
    var period: SeriesPeriod
    /// The beginning of the first hour or day that is counted.
    var since: Instant
    var promptTokens: Int64
    var completionTokens: Int64
    var totalTokens: Int64
    /// In US dollars.
    var totalCost: DecimalNumber
    var currency: String
    var models: [AssistantModelTokens]
}

struct AssistantSeriesPoint: Codable, Sendable {
    /// The beginning of its period.
    var timestamp: Instant
    var value: Int64
}

/// A number for each hour, day, week or month; also where it is 0.
struct AssistantSeries: Payload {
    var metric: String
    var period: SeriesPeriod
    var points: [AssistantSeriesPoint]
}

/// A session without its texts and its person.
struct AnalysedSession: Sendable {
    let organisation: ID<Organisation>
    let project: ID<AssistantProject>?
    let model: String
    let messageCount: Int64
    let turnCount: Int64
    let errorCount: Int64
    let usage: ModelUsage
    let costMicros: Int64
    let responseMicros: Int64
    let createdAt: Instant
    let updatedAt: Instant

    init(row: Row) throws {
        organisation = try row["organisation_id"]
        project = try row["project_id"]
        model = try row["model"]
        messageCount = try row["message_count"]
        turnCount = try row["turn_count"]
        errorCount = try row["error_count"]
        usage = ModelUsage(input: try row["input_tokens"], output: try row["output_tokens"])
        costMicros = try row["cost_micros"]
        responseMicros = try row["response_micros"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}

struct AnalysedTurn: Sendable {
    let model: String
    let state: String
    let usage: ModelUsage
    let costMicros: Int64
    let startedAt: Instant
    let finishedAt: Instant

    init(row: Row) throws {
        model = try row["model"]
        state = try row["state"]
        usage = ModelUsage(input: try row["input_tokens"], output: try row["output_tokens"])
        costMicros = try row["cost_micros"]
        startedAt = try row["started_at"]
        finishedAt = try row["finished_at"]
    }
}

/// One turn of a session.
struct AssistantTurnPoint: Codable, Sendable {
    /// When it ended.
    var timestamp: Instant
    var model: String
    var state: String
    var promptTokens: Int64
    var completionTokens: Int64
    /// In US dollars.
    var cost: DecimalNumber
    var durationMs: Int64
}

struct AssistantSessionAnalysis: Payload {
    var sessionId: ID<AssistantSession>
    var organisationId: ID<Organisation>
    var projectId: ID<AssistantProject>?
    var model: String
    var messageCount: Int64
    var turnCount: Int64
    var errorCount: Int64
    var tokenUsage: AssistantTokenUsage
    /// In US dollars.
    var totalCost: DecimalNumber
    var currency: String
    /// In seconds; nil before the first turn.
    var averageResponseTime: DecimalNumber?
    var createdAt: Instant
    var updatedAt: Instant
    /// The turns in their order, of more than 1,000 the newest.
    var tokenTimeline: [AssistantTurnPoint]

    static let turnsMax = 1_000

    /// - Parameter turns: the newest first.
    init(_ id: ID<AssistantSession>, _ session: AnalysedSession, _ turns: [AnalysedTurn]) {
        sessionId = id
        organisationId = session.organisation
        projectId = session.project
        model = session.model
        messageCount = session.messageCount
        turnCount = session.turnCount
        errorCount = session.errorCount
        tokenUsage = AssistantTokenUsage(session.usage)
        totalCost = .dollars(session.costMicros)
        currency = "usd"
        if session.turnCount > 0 {
            averageResponseTime = DecimalNumber(session.responseMicros / session.turnCount, fractionDigits: 6)
        }
        createdAt = session.createdAt
        updatedAt = session.updatedAt
        tokenTimeline = turns.reversed().map { turn in
            AssistantTurnPoint(
                timestamp: turn.finishedAt, model: turn.model, state: turn.state, promptTokens: turn.usage.input,
                completionTokens: turn.usage.output, cost: .dollars(turn.costMicros),
                durationMs: max(0, (turn.finishedAt - turn.startedAt).microseconds / 1_000))
        }
    }
}
