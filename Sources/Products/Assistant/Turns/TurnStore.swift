import Identity
import Models
import Modules

/// The SQL of turns, and of the tokens that a person has without a plan.
extension Transaction {
    func insert(_ turn: AssistantTurn) throws {
        try execute(
            """
            INSERT INTO assistant_turns (id, organisation_id, person_id, session_id, model, state, is_streamed,
                reservation_id, allowance_month, reserved_tokens, input_tokens, output_tokens, is_estimated,
                cost_micros, started_at, deadline_at)
            VALUES (\(turn.id), \(turn.organisation), \(turn.person), \(turn.session), \(turn.model), 'running',
                \(turn.isStreamed), \(turn.reservation), \(turn.allowanceMonth), \(turn.reservedTokens), 0, 0, 0, 0,
                \(turn.startedAt), \(turn.startedAt + AssistantTurn.lifetime))
            """
        )
    }

    /// Ends a turn once.
    /// - Returns: false where it has ended before.
    func end(_ turn: AssistantTurn, as outcome: TurnOutcome, costMicros: Int64) throws -> Bool {
        try execute(
            """
            UPDATE assistant_turns SET state = \(outcome.state), input_tokens = \(outcome.usage.input),
                output_tokens = \(outcome.usage.output), is_estimated = \(outcome.isEstimated),
                cost_micros = \(costMicros), error = \(outcome.error), finished_at = \(now)
            WHERE id = \(turn.id) AND organisation_id = \(turn.organisation) AND state = 'running'
            """
        ) == 1
    }

    /// The session of a turn with its row locked; nil without one, or where it was deleted.
    func lockedSession(of turn: AssistantTurn) throws -> ID<AssistantSession>? {
        guard let session = turn.session else { return nil }
        return try lockSession(session, in: turn.organisation) ? session : nil
    }

    /// Adds an ended turn to the counters of its session. An active one stays active for `timeout`; another one has no
    /// slot to be active in.
    func count(
        _ outcome: TurnOutcome, of turn: AssistantTurn, costMicros: Int64, in session: ID<AssistantSession>,
        timeout: Duration
    ) throws {
        let hasFailed = outcome.error != nil
        try execute(
            """
            UPDATE assistant_sessions SET turn_count = turn_count + 1, error_count = error_count + \(hasFailed),
                input_tokens = input_tokens + \(outcome.usage.input),
                output_tokens = output_tokens + \(outcome.usage.output), cost_micros = cost_micros + \(costMicros),
                response_micros = response_micros + \(max(0, (now - turn.startedAt).microseconds)),
                has_failed = \(hasFailed),
                active_until = CASE WHEN active_until > \(now) THEN \(now + timeout) ELSE active_until END,
                updated_at = \(now)
            WHERE id = \(session) AND organisation_id = \(turn.organisation)
            """
        )
    }

    func runningTurns(of session: AssistantSession) throws -> [ID<AssistantTurn>] {
        try all(
            """
            SELECT id FROM assistant_turns
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND state = 'running'
            ORDER BY id
            """
        ) { try $0["id"] }
    }

    /// Asks the processes in which turns of a session run to stop them. A turn whose process was killed is overdue
    /// soon.
    func requestStop(of session: AssistantSession) throws {
        let deadline = now + AssistantTurn.stopTime
        try execute(
            """
            UPDATE assistant_turns SET stop_requested_at = \(now),
                deadline_at = CASE WHEN deadline_at < \(deadline) THEN deadline_at ELSE \(deadline) END
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND state = 'running'
                AND stop_requested_at IS NULL
            """
        )
    }

    /// Whether a person wants to stop the answer that a turn in a session began: the turn, or that of its present round.
    func isStopRequested(_ turn: AssistantTurn) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_turns
            WHERE (id = \(turn.id) OR session_id = \(turn.session)) AND organisation_id = \(turn.organisation)
                AND state = 'running' AND stop_requested_at IS NOT NULL
            """) > 0
    }

    // MARK: For jobs

    /// Turns whose process was killed.
    func overdueTurns(limit: Int) throws -> [AssistantTurn] {
        try all(
            """
            SELECT * FROM assistant_turns WHERE state = 'running' AND deadline_at <= \(now)
            ORDER BY deadline_at, id LIMIT \(limit)
            """,
            AssistantTurn.init)
    }

    /// Deletes ended turns without a session after their retention.
    /// - Returns: how many.
    func deleteOldTurns(limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM assistant_turns WHERE id IN (
                SELECT id FROM assistant_turns
                WHERE session_id IS NULL AND finished_at < \(now - AssistantTurn.retention)
                ORDER BY finished_at, id LIMIT \(limit)
            )
            """
        )
    }

    // MARK: Tokens without a plan

    /// Reserves tokens of a month's allowance by one guarded statement.
    /// - Returns: false where they are not left.
    func reserveTokens(_ tokens: Int64, of person: ID<Person>, in month: String, limit: Limit) throws -> Bool {
        guard limit.allows(tokens) else { return false }
        return try execute(
            """
            INSERT INTO assistant_allowances (person_id, month, used, held) VALUES (\(person), \(month), 0, \(tokens))
            ON CONFLICT (person_id, month) DO UPDATE SET held = assistant_allowances.held + excluded.held
            WHERE assistant_allowances.used + assistant_allowances.held + excluded.held <= \(limit.bound)
            """
        ) == 1
    }

    /// Settles reserved tokens of an allowance with those that were used.
    func settleTokens(_ used: Int64, reserved: Int64, of person: ID<Person>, in month: String) throws {
        try execute(
            """
            UPDATE assistant_allowances SET held = held - \(reserved), used = used + \(used)
            WHERE person_id = \(person) AND month = \(month)
            """
        )
    }

    /// The used and reserved tokens of an allowance together. The row is locked until the transaction ends.
    func takenTokens(of person: ID<Person>, in month: String) throws -> Int64 {
        try count(
            """
            SELECT used + held AS count FROM assistant_allowances
            WHERE person_id = \(person) AND month = \(month) \(.forUpdate)
            """)
    }
}
