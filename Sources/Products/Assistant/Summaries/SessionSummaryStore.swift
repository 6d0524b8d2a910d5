import Identity
import Models
import Modules

/// The SQL of summaries.
extension Transaction {
    /// - Parameter hasSummary: whether a summary is read, too.
    func history(of session: AssistantSession, hasSummary: Bool) throws -> SessionHistory {
        SessionHistory(
            messages: try messages(of: session, limit: Int(AssistantSession.messagesMax), offset: 0)
                .map { SessionHistory.Message(position: $0.position, message: $0.modelMessage) },
            summary: hasSummary ? try summary(of: session.id, in: session.organisation) : nil)
    }

    func summary(of session: ID<AssistantSession>, in organisation: ID<Organisation>) throws -> SessionSummary? {
        try first(
            """
            SELECT through_position, content FROM assistant_summaries
            WHERE session_id = \(session) AND organisation_id = \(organisation)
            """,
            SessionSummary.init)
    }

    /// Whose session it is; nil for a deleted one.
    func personOfSession(_ session: ID<AssistantSession>, in organisation: ID<Organisation>) throws -> ID<Person>? {
        try first(
            "SELECT person_id FROM assistant_sessions WHERE id = \(session) AND organisation_id = \(organisation)"
        ) { try $0["person_id"] }
    }

    /// The messages behind a position in their order, up to another one.
    func messages(
        of session: ID<AssistantSession>, in organisation: ID<Organisation>, after first: Int64, through last: Int64
    ) throws -> [AssistantMessage] {
        try all(
            """
            SELECT * FROM assistant_messages
            WHERE session_id = \(session) AND organisation_id = \(organisation)
                AND position > \(first) AND position <= \(last)
            ORDER BY position LIMIT \(AssistantSession.messagesMax)
            """,
            AssistantMessage.init)
    }

    /// Stores a summary once, in place of one that covers less. Without effect where its messages were deleted, or its
    /// session.
    func storeSummary(
        _ text: String, through position: Int64, of session: ID<AssistantSession>, by turn: AssistantTurn
    ) throws {
        try execute(
            """
            INSERT INTO assistant_summaries (session_id, organisation_id, person_id, through_position, content,
                turn_id, created_at, updated_at)
            SELECT session_id, organisation_id, \(turn.person), position, \(text), \(turn.id), \(now), \(now)
            FROM assistant_messages
            WHERE session_id = \(session) AND organisation_id = \(turn.organisation) AND position = \(position)
            ON CONFLICT (session_id) DO UPDATE SET through_position = excluded.through_position,
                content = excluded.content, turn_id = excluded.turn_id, updated_at = excluded.updated_at
            WHERE assistant_summaries.through_position < excluded.through_position
            """
        )
    }

    /// The last message that a conversation had left out when the model made no summary that can be used; nil without
    /// such an attempt.
    func unsummarisedThrough(of session: AssistantSession) throws -> Int64? {
        try first(
            """
            SELECT unsummarised_through FROM assistant_sessions
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        ) { try $0["unsummarised_through"] as Int64? } ?? nil
    }

    func markUnsummarised(_ session: ID<AssistantSession>, through position: Int64, in organisation: ID<Organisation>)
        throws
    {
        try execute(
            """
            UPDATE assistant_sessions SET unsummarised_through = \(position)
            WHERE id = \(session) AND organisation_id = \(organisation)
            """
        )
    }

    func deleteSummary(of session: AssistantSession) throws {
        try execute(
            """
            DELETE FROM assistant_summaries
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }
}
