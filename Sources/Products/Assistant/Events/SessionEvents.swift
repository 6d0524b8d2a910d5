import Identity
import Modules
import Realtime

/// What happens in sessions, as messages of their topics: appended in the transactions that make it happen.
struct SessionEvents: Sendable {
    let topics: TopicService

    static let topicFamily = TopicFamily("assistant", keyScope: .assistant) { name, scope, transaction in
        try transaction.hasAssistantSession(ID(trusted: name.subject), in: scope)
    }

    static func topic(of session: ID<AssistantSession>, in organisation: ID<Organisation>) -> Topic {
        Topic(TopicName(family: topicFamily.name, session), of: organisation)
    }

    /// A turn has begun. The last statement of the transaction.
    func began(_ turn: AssistantTurn, in transaction: Transaction) throws {
        guard let session = turn.session else { return }
        let update = AssistantSessionUpdate(sessionId: session, turnId: turn.id, status: .streaming)
        try topics.append(
            NewMessage("session_update", update), to: Self.topic(of: session, in: turn.organisation), in: transaction)
    }

    /// A turn has ended. The last statement of the transaction.
    /// - Parameters:
    ///   - messages: that it has added to the session.
    ///   - next: the turn of the next round, which has begun in the same transaction.
    func ended(
        _ turn: AssistantTurn, as outcome: TurnOutcome, costMicros: Int64, _ messages: [NewAssistantMessage],
        in session: ID<AssistantSession>, next: AssistantTurn? = nil, _ transaction: Transaction
    ) throws {
        var events = try messages.map { message in
            try NewMessage("message", AssistantMessageEvent(message, of: turn, in: session, at: transaction.now))
        }
        let usage = AssistantTokenUpdate(
            sessionId: session, turnId: turn.id, usage: AssistantTokenUsage(outcome.usage),
            totalCost: .dollars(costMicros))
        events.append(try NewMessage("token_update", usage))
        let status: AssistantSession.Status = next != nil ? .streaming : outcome.error == nil ? .active : .error
        let update = AssistantSessionUpdate(sessionId: session, turnId: next?.id ?? turn.id, status: status)
        events.append(try NewMessage("session_update", update))
        try topics.append([(Self.topic(of: session, in: turn.organisation), events)], in: transaction)
    }

    /// A call of a tool has a new status. The last statement of the transaction.
    /// - Parameter event: nil for a call without a session.
    func tool(
        _ event: AssistantToolExecutionEvent?, in organisation: ID<Organisation>, _ transaction: Transaction
    ) throws {
        guard let event else { return }
        try topics.append(
            NewMessage("tool_execution", event), to: Self.topic(of: event.sessionId, in: organisation),
            in: transaction)
    }

    /// A session has a new status because of its person. The last statement of the transaction.
    func changed(_ session: AssistantSession, to status: AssistantSession.Status, in transaction: Transaction) throws {
        let update = AssistantSessionUpdate(sessionId: session.id, status: status)
        try topics.append(
            NewMessage("session_update", update), to: Self.topic(of: session.id, in: session.organisation),
            in: transaction)
    }

    /// The session is deleted. The last statement of the transaction.
    func deleted(_ session: AssistantSession, in transaction: Transaction) throws {
        try topics.remove(Self.topic(of: session.id, in: session.organisation), in: transaction)
    }
}
