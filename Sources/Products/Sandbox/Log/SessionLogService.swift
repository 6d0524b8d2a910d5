import Identity
import Modules
import Realtime

/// Appends to the log of a session: a topic, in the transaction that causes the line.
final class SessionLogService: Sendable {
    private let topics: TopicService

    /// The name of the family of topics; the subject is the internal id of a session.
    static let family = "sandbox"

    init(topics: TopicService) { self.topics = topics }

    /// The logs of sessions, for those who may see the session.
    static let topicFamily = TopicFamily(
        family, retention: TopicRetention(count: 4_000, age: .days(7)), keyScope: .sandbox
    ) { name, scope, transaction in
        try transaction.sandboxSession(ID(trusted: name.subject), in: scope) != nil
    }

    static func topic(of session: SandboxSession) -> Topic {
        Topic(TopicName(family: family, session.id), of: session.organisation)
    }

    /// The row of the topic is locked until the commit: it is called last.
    func append(_ lines: [LogLine], to session: SandboxSession, in transaction: Transaction) throws {
        let messages = try lines.map { try NewMessage("log", SessionLogMessage($0, at: transaction.now)) }
        try topics.append([(Self.topic(of: session), messages)], in: transaction)
    }

    /// As ``append(_:to:in:)``, followed by the state of the session as it is now.
    func append(
        _ lines: [LogLine], withStatusOf session: SandboxSession, activeSessions: Int64? = nil,
        in transaction: Transaction
    ) throws {
        let now = transaction.now
        var messages = try lines.map { try NewMessage("log", SessionLogMessage($0, at: now)) }
        // The rows may have changed since the session was read.
        let current = try transaction.sandboxSession(session.id, of: session.organisation) ?? session
        let status = SessionStatus(current, activeSessions: activeSessions, at: now)
        messages.append(try NewMessage("status", SessionStatusMessage(data: status)))
        try topics.append([(Self.topic(of: session), messages)], in: transaction)
    }

    /// Deletes the log, and disconnects its readers.
    func remove(of session: SandboxSession, in transaction: Transaction) throws {
        try topics.remove(Self.topic(of: session), in: transaction)
    }
}
