import Modules

/// Conditions that hold in every committed state of the database.
enum AssistantInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the counts of a session differ from those of its messages",
            """
            SELECT assistant_sessions.id, message_count, message_bytes FROM assistant_sessions LEFT JOIN (
                SELECT session_id, COUNT(*) AS total, SUM(bytes) AS size FROM assistant_messages GROUP BY session_id
            ) AS counts ON counts.session_id = assistant_sessions.id
            WHERE message_count <> COALESCE(total, 0) OR message_bytes <> COALESCE(size, 0)
            """),
        Invariant(
            "the numbers of a session differ from those of its turns",
            """
            SELECT assistant_sessions.id, turn_count, assistant_sessions.input_tokens,
                assistant_sessions.output_tokens, assistant_sessions.cost_micros
            FROM assistant_sessions LEFT JOIN (
                SELECT session_id, COUNT(*) AS total, SUM(input_tokens) AS input, SUM(output_tokens) AS output,
                    SUM(cost_micros) AS cost
                FROM assistant_turns WHERE state <> 'running' GROUP BY session_id
            ) AS turns ON turns.session_id = assistant_sessions.id
            WHERE turn_count <> COALESCE(total, 0) OR assistant_sessions.input_tokens <> COALESCE(input, 0)
                OR assistant_sessions.output_tokens <> COALESCE(output, 0)
                OR assistant_sessions.cost_micros <> COALESCE(cost, 0)
            """),
        Invariant(
            "the reserved tokens of a person differ from those of the person's turns",
            """
            SELECT assistant_allowances.person_id, assistant_allowances.month, held, reserved
            FROM assistant_allowances LEFT JOIN (
                SELECT person_id, allowance_month, CAST(SUM(reserved_tokens) AS \(.integer)) AS reserved
                FROM assistant_turns
                WHERE state = 'running' AND allowance_month IS NOT NULL GROUP BY person_id, allowance_month
            ) AS turns ON turns.person_id = assistant_allowances.person_id
                AND turns.allowance_month = assistant_allowances.month
            WHERE held <> COALESCE(reserved, 0)
            """),
        Invariant(
            "the state of a turn contradicts its reservation",
            """
            SELECT assistant_turns.id, assistant_turns.state AS turn, reservations.state FROM assistant_turns
                JOIN reservations ON reservations.id = assistant_turns.reservation_id
            WHERE (assistant_turns.state = 'running') <> (reservations.state = 'held')
                AND NOT (assistant_turns.state = 'running' AND reservations.state IN ('committed', 'expired'))
            """),
    ]
}
