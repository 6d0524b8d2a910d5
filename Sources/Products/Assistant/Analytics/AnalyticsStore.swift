import Identity
import Models
import Modules

/// The SQL of numbers by time. They are counted in the transactions of what they count.
extension Transaction {
    /// Adds numbers to the present hour and day.
    func add(
        _ usage: AssistantUsage, of organisation: ID<Organisation>, project: ID<AssistantProject>?, model: String
    ) throws {
        for unit in AssistantUsage.Unit.allCases {
            try execute(
                """
                INSERT INTO assistant_usage (unit, starts_at, organisation_id, project_id, model, sessions, messages,
                    turns, errors, input_tokens, output_tokens, cost_micros, response_micros)
                VALUES (\(unit), \(unit.start(of: now)), \(organisation), \(project?.text ?? ""), \(model),
                    \(usage.sessions), \(usage.messages), \(usage.turns), \(usage.errors), \(usage.inputTokens),
                    \(usage.outputTokens), \(usage.costMicros), \(usage.responseMicros))
                ON CONFLICT (unit, starts_at, organisation_id, project_id, model) DO UPDATE SET
                    sessions = assistant_usage.sessions + excluded.sessions,
                    messages = assistant_usage.messages + excluded.messages,
                    turns = assistant_usage.turns + excluded.turns,
                    errors = assistant_usage.errors + excluded.errors,
                    input_tokens = assistant_usage.input_tokens + excluded.input_tokens,
                    output_tokens = assistant_usage.output_tokens + excluded.output_tokens,
                    cost_micros = assistant_usage.cost_micros + excluded.cost_micros,
                    response_micros = assistant_usage.response_micros + excluded.response_micros
                """
            )
        }
    }

    /// Adds an ended turn, with the messages that it stored.
    func addUsage(_ outcome: TurnOutcome, of turn: AssistantTurn, costMicros: Int64, messages: Int) throws {
        var usage = AssistantUsage()
        usage.messages = Int64(messages)
        usage.turns = 1
        usage.errors = outcome.error == nil ? 0 : 1
        usage.inputTokens = outcome.usage.input
        usage.outputTokens = outcome.usage.output
        usage.costMicros = costMicros
        usage.responseMicros = max(0, (now - turn.startedAt).microseconds)
        let project = try turn.session.flatMap { session in
            try first(
                """
                SELECT project_id FROM assistant_sessions
                WHERE id = \(session) AND organisation_id = \(turn.organisation)
                """
            ) { try $0["project_id"] as ID<AssistantProject>? } ?? nil
        }
        try add(usage, of: turn.organisation, project: project, model: turn.model)
    }

    /// The sums by model, the most expensive first.
    func usageByModel(_ selection: UsageSelection, by unit: AssistantUsage.Unit) throws
        -> [(model: String, usage: AssistantUsage)]
    {
        try all(
            """
            SELECT model, \(Self.usageSums) FROM assistant_usage WHERE \(Self.isSelected(selection, unit))
            GROUP BY model ORDER BY SUM(cost_micros) DESC, model LIMIT \(AnalyticsService.modelsMax)
            """
        ) { (try $0["model"], try AssistantUsage(row: $0)) }
    }

    /// The sums by the beginning of hours or days.
    func usageSeries(_ selection: UsageSelection, by unit: AssistantUsage.Unit) throws
        -> [(start: Instant, usage: AssistantUsage)]
    {
        try all(
            """
            SELECT starts_at, \(Self.usageSums) FROM assistant_usage WHERE \(Self.isSelected(selection, unit))
            GROUP BY starts_at ORDER BY starts_at
            """
        ) { (try $0["starts_at"], try AssistantUsage(row: $0)) }
    }

    private static let usageSums: SQL = {
        let columns = [
            "sessions", "messages", "turns", "errors", "input_tokens", "output_tokens", "cost_micros",
            "response_micros",
        ]
        var sums: SQL = ""
        for (index, column) in columns.enumerated() {
            let sum: SQL = "CAST(COALESCE(SUM(\(SQL(trusted: column))), 0) AS \(.integer)) AS \(SQL(trusted: column))"
            sums = index == 0 ? sum : "\(sums), \(sum)"
        }
        return sums
    }()

    private static func isSelected(_ selection: UsageSelection, _ unit: AssistantUsage.Unit) -> SQL {
        let (start, end) = (selection.range.lowerBound, selection.range.upperBound)
        var condition: SQL = "unit = \(unit) AND starts_at >= \(start) AND starts_at < \(end)"
        if let organisation = selection.organisation {
            condition = "\(condition) AND organisation_id = \(organisation)"
        }
        if let project = selection.project { condition = "\(condition) AND project_id = \(project)" }
        return condition
    }

    // MARK: Sessions

    /// A session of any person, for analysts.
    func analysedSession(_ id: ID<AssistantSession>) throws -> AnalysedSession {
        let session = try first(
            """
            SELECT organisation_id, project_id, model, message_count, turn_count, error_count, input_tokens,
                output_tokens, cost_micros, response_micros, created_at, updated_at
            FROM assistant_sessions WHERE id = \(id)
            """,
            AnalysedSession.init)
        guard let session else { throw Problem(.assistantSessionNotFound) }
        return session
    }

    /// The ended turns of a session, the newest first.
    func endedTurns(of id: ID<AssistantSession>, limit: Int) throws -> [AnalysedTurn] {
        try all(
            """
            SELECT model, state, input_tokens, output_tokens, cost_micros, started_at, finished_at
            FROM assistant_turns WHERE session_id = \(id) AND finished_at IS NOT NULL
            ORDER BY finished_at DESC, id DESC LIMIT \(limit)
            """,
            AnalysedTurn.init)
    }

    // MARK: For jobs

    /// Deletes hours, and then days, that began before a time.
    /// - Parameters:
    ///   - time: the beginning of a day.
    ///   - limit: of hours and days.
    /// - Returns: how many hours and days.
    func deleteUsage(before time: Instant, limit: Int) throws -> Int {
        let starts = try all(
            """
            SELECT DISTINCT unit, starts_at FROM assistant_usage WHERE unit IN ('hour', 'day') AND starts_at < \(time)
            ORDER BY unit DESC, starts_at LIMIT \(limit)
            """
        ) { (try $0["unit"] as String, try $0["starts_at"] as Instant) }
        for (unit, start) in starts {
            try execute("DELETE FROM assistant_usage WHERE unit = \(unit) AND starts_at = \(start)")
        }
        return starts.count
    }
}
