import Entitlements
import Identity
import Models
import Modules

/// The SQL of sessions and their messages. A session is its person's; others do not find it.
extension Transaction {
    func insertAssistantSession(
        _ id: ID<AssistantSession>, of project: ID<AssistantProject>?, name: String, model: String, metadata: String,
        timeout: Duration, for scope: Scope
    ) throws {
        try execute(
            """
            INSERT INTO assistant_sessions (id, organisation_id, person_id, project_id, name, model, metadata,
                message_count, message_bytes, next_position, turn_count, error_count, input_tokens, output_tokens, cost_micros,
                response_micros, has_failed, active_until, created_at, updated_at)
            VALUES (\(id), \(scope.organisation), \(scope.person), \(project), \(name), \(model), \(metadata), 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, \(now + timeout), \(now), \(now))
            """
        )
    }

    /// - Parameter isLocked: whether the row is locked until the transaction ends.
    /// - Throws: `assistant-session-not-found`, also for a session of another person or organisation.
    func assistantSession(_ id: ID<AssistantSession>, in scope: Scope, isLocked: Bool = false) throws
        -> AssistantSession
    {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        let session = try first(
            selectAssistantSessions + "WHERE id = \(id) AND \(Self.isAssistantOwner(scope)) \(lock)",
            AssistantSession.init)
        guard let session else { throw Problem(.assistantSessionNotFound) }
        return session
    }

    /// Locks the row of a session, which is not deleted or cleared until the transaction ends.
    /// - Returns: whether there is one.
    @discardableResult
    func lockSession(_ session: ID<AssistantSession>, in organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT id FROM assistant_sessions
            WHERE id = \(session) AND organisation_id = \(organisation) \(.forUpdate)
            """) != nil
    }

    /// Whether the person of the scope has the session.
    func hasAssistantSession(_ id: ID<AssistantSession>, in scope: Scope) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_sessions WHERE id = \(id) AND \(Self.isAssistantOwner(scope))
            """) > 0
    }

    /// The sessions, the last changed first.
    /// - Parameters:
    ///   - project: nil for those of any project, or of none.
    ///   - status: nil for all.
    func assistantSessions(
        in scope: Scope, of project: ID<AssistantProject>?, status: AssistantSession.Status?, limit: Int, offset: Int
    ) throws -> [AssistantSession] {
        try all(
            selectAssistantSessions + """
                WHERE \(Self.isAssistantOwner(scope)) AND \(Self.belong(to: project)) AND \(isStatus(status))
                ORDER BY updated_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
            AssistantSession.init)
    }

    func countAssistantSessions(
        in scope: Scope, of project: ID<AssistantProject>?, status: AssistantSession.Status?
    ) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_sessions
            WHERE \(Self.isAssistantOwner(scope)) AND \(Self.belong(to: project)) AND \(isStatus(status))
            """)
    }

    /// Writes the name, the metadata, and until when the session is active or since when archived.
    func update(_ session: AssistantSession) throws {
        try execute(
            """
            UPDATE assistant_sessions SET name = \(session.name), metadata = \(session.metadata),
                active_until = \(session.activeUntil), archived_at = \(session.archivedAt), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Deletes the messages of a session.
    func clear(_ session: AssistantSession) throws {
        try deleteSummary(of: session)
        try deleteMessages(of: session)
        // One that runs has begun meanwhile, and is stored when it ends.
        try execute(
            """
            DELETE FROM assistant_tool_executions
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND status <> 'running'
            """
        )
        try execute(
            """
            UPDATE assistant_sessions SET message_count = 0, message_bytes = 0, unsummarised_through = NULL,
                updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Deletes a session with its messages. Its turns remain, as they were charged.
    func delete(_ session: AssistantSession) throws {
        try deleteSummary(of: session)
        try deleteMessages(of: session)
        try execute(
            """
            UPDATE assistant_turns SET session_id = NULL
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
        try deleteToolExecutions(of: session)
        try execute(
            """
            DELETE FROM assistant_sessions
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    private func deleteMessages(of session: AssistantSession) throws {
        try execute(
            """
            DELETE FROM assistant_messages
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Of all organisations.
    func countActiveAssistantSessions() throws -> Int64 {
        try count(
            "SELECT COUNT(*) AS count FROM assistant_sessions WHERE archived_at IS NULL AND active_until > \(now)")
    }

    /// What the person of the scope has in its organisation.
    func assistantStatistics(of scope: Scope) throws -> AssistantStatistics {
        let row = try first(
            """
            SELECT COUNT(*) AS sessions, CAST(COALESCE(SUM(message_count), 0) AS \(.integer)) AS messages,
                COUNT(CASE WHEN archived_at IS NULL AND active_until > \(now) THEN 1 END) AS active
            FROM assistant_sessions WHERE \(Self.isAssistantOwner(scope))
            """)
        let turns = try first(
            """
            SELECT CAST(COALESCE(SUM(input_tokens + output_tokens), 0) AS \(.integer)) AS tokens,
                CAST(COALESCE(SUM(cost_micros), 0) AS \(.integer)) AS cost
            FROM assistant_turns WHERE \(Self.isAssistantOwner(scope))
            """)
        guard let row, let turns else { throw Problem(.internalError) }
        return AssistantStatistics(
            activeSessions: try row["active"], totalSessions: try row["sessions"],
            totalMessages: try row["messages"], totalTokens: try turns["tokens"],
            totalCost: .dollars(try turns["cost"]))
    }

    // MARK: Messages

    /// The messages in their order.
    /// - Parameter role: nil for all.
    func messages(of session: AssistantSession, role: ModelMessage.Role? = nil, limit: Int, offset: Int) throws
        -> [AssistantMessage]
    {
        try all(
            """
            SELECT * FROM assistant_messages WHERE \(Self.are(role, of: session))
            ORDER BY position LIMIT \(limit) OFFSET \(offset)
            """,
            AssistantMessage.init)
    }

    func countMessages(of session: AssistantSession, role: ModelMessage.Role?) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM assistant_messages WHERE \(Self.are(role, of: session))")
    }

    /// The messages of the person with all of the words, the newest first, with their sessions.
    func messages(with words: [String], in scope: Scope, limit: Int, offset: Int) throws -> [FoundAssistantMessage] {
        try all(
            """
            SELECT assistant_messages.id, session_id, turn_id, position, role,
                substr(content, 1, CAST(\(FoundAssistantMessage.contentMax) AS INTEGER)) AS content, NULL AS parts,
                token_count, is_interrupted,
                assistant_messages.created_at, assistant_sessions.name AS session_name \(Self.found(words, scope))
            ORDER BY assistant_messages.created_at DESC, assistant_messages.session_id, assistant_messages.position DESC
            LIMIT \(limit) OFFSET \(offset)
            """
        ) { row in
            let message = AssistantMessageView(try AssistantMessage(row: row), of: try row["session_id"])
            return FoundAssistantMessage(message: message, sessionName: try row["session_name"])
        }
    }

    func countMessages(with words: [String], in scope: Scope) throws -> Int64 {
        try count("SELECT COUNT(*) AS count \(Self.found(words, scope))")
    }

    private static func found(_ words: [String], _ scope: Scope) -> SQL {
        """
        FROM assistant_messages JOIN assistant_sessions ON assistant_sessions.id = assistant_messages.session_id
        WHERE assistant_messages.organisation_id = \(scope.organisation)
            AND assistant_sessions.organisation_id = \(scope.organisation)
            AND assistant_sessions.person_id = \(scope.person) AND \(AssistantSchema.messageTexts.matches(words))
        """
    }

    /// Appends messages to a session whose row is locked.
    /// - Parameter numbers: a random one for each message.
    func append(
        _ messages: [NewAssistantMessage], numbers: [Int64], to session: ID<AssistantSession>, by turn: AssistantTurn
    ) throws {
        let isSession: SQL = "id = \(session) AND organisation_id = \(turn.organisation)"
        let first = try count("SELECT next_position AS count FROM assistant_sessions WHERE \(isSession)")
        for (index, message) in messages.enumerated() {
            try execute(
                """
                INSERT INTO assistant_messages (number, id, organisation_id, session_id, turn_id, position, role,
                    content, parts, bytes, token_count, is_interrupted, created_at)
                VALUES (\(numbers[index]), \(message.id), \(turn.organisation), \(session), \(turn.id),
                    \(first + Int64(index)), \(message.role), \(message.content), \(message.parts),
                    \(message.bytes), \(message.tokenCount), \(message.isInterrupted), \(now))
                """
            )
        }
        let bytes = messages.reduce(0) { $0 + $1.bytes }
        try execute(
            """
            UPDATE assistant_sessions SET message_count = message_count + \(messages.count),
                message_bytes = message_bytes + \(bytes), next_position = next_position + \(messages.count)
            WHERE \(isSession)
            """
        )
    }

    // MARK: Conditions

    private static func belong(to project: ID<AssistantProject>?) -> SQL {
        if let project { "project_id = \(project)" } else { "1 = 1" }
    }

    private static func are(_ role: ModelMessage.Role?, of session: AssistantSession) -> SQL {
        let own: SQL = "session_id = \(session.id) AND organisation_id = \(session.organisation)"
        return if let role { "\(own) AND role = \(role)" } else { own }
    }

    private var selectAssistantSessions: SQL { "SELECT *, \(status) AS status FROM assistant_sessions " }

    private func isStatus(_ status: AssistantSession.Status?) -> SQL {
        if let status { "\(self.status) = \(status.rawValue)" } else { "1 = 1" }
    }

    private var status: SQL {
        """
        CASE WHEN archived_at IS NOT NULL THEN 'archived'
            WHEN EXISTS (
                SELECT 1 FROM assistant_turns WHERE session_id = assistant_sessions.id AND state = 'running'
            ) THEN 'streaming'
            WHEN active_until <= \(now) THEN 'idle'
            WHEN has_failed = 1 THEN 'error'
            ELSE 'active' END
        """
    }
}

/// A message to append to a session.
struct NewAssistantMessage: Sendable {
    let id: ID<AssistantMessage>
    let role: ModelMessage.Role
    let content: String
    let parts: String?
    let tokenCount: Int64
    let isInterrupted: Bool

    init(_ id: ID<AssistantMessage>, _ message: ModelMessage, tokenCount: Int64, isInterrupted: Bool = false) {
        self.id = id
        role = message.role
        content = message.readableText
        parts = MessageParts.text(of: message)
        self.tokenCount = tokenCount
        self.isInterrupted = isInterrupted
    }

    /// What it takes of the bytes of a session.
    var bytes: Int { content.utf8.count + (parts?.utf8.count ?? 0) }

    static func bytes(of message: ModelMessage) -> Int {
        message.readableText.utf8.count + (MessageParts.text(of: message)?.utf8.count ?? 0)
    }
}

extension Concurrency {
    /// Sessions that are neither idle nor archived.
    static let chatSessions = Concurrency(
        "chat_sessions", of: "sessions",
        active: { organisation, now in
            """
            FROM assistant_sessions
            WHERE organisation_id = \(organisation) AND archived_at IS NULL AND active_until > \(now)
            """
        },
        activeOfPerson: { person, now in
            """
            FROM assistant_sessions
            WHERE person_id = \(person) AND archived_at IS NULL AND active_until > \(now)
            """
        })
}
