import Modules

/// Conditions that hold of sessions and moves in every committed state of the database.
enum SandboxInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the clean-up of a session contradicts its state",
            """
            SELECT id, state, clean_up FROM sandbox_sessions
            WHERE (state = 'active') <> (clean_up = 'none')
                OR (clean_up IN ('done', 'incomplete')) <> (aws_keys IS NULL)
            """
        ),
        Invariant(
            "a session that has ended goes on saving",
            """
            SELECT sandbox_savings.id FROM sandbox_savings
                JOIN sandbox_sessions ON sandbox_sessions.id = session_id
            WHERE sandbox_savings.ended_at IS NULL AND state <> 'active'
            """
        ),
        Invariant(
            "a finished move has something that is only intended",
            """
            SELECT sandbox_resources.id FROM sandbox_resources
                JOIN sandbox_moves ON sandbox_moves.id = move_id
            WHERE sandbox_moves.state = 'done' AND sandbox_resources.state = 'intended'
            """
        ),
        Invariant(
            "a move that was rolled back has left something",
            """
            SELECT sandbox_resources.id FROM sandbox_resources
                JOIN sandbox_moves ON sandbox_moves.id = move_id
            WHERE sandbox_moves.state = 'failed' AND (sandbox_resources.state <> 'removed' OR has_stopped = 1)
            """
        ),
    ]
}
