import Identity
import Modules
import NIOCore
import Realtime

/// Finds sessions for the readers of their logs.
final class SessionLogReadingService: Sendable {
    private let database: any Database
    private let subscriptions: SubscriptionService

    /// Lines that the page of a session shows.
    static let linesMax = 100

    init(database: any Database, subscriptions: SubscriptionService) {
        self.database = database
        self.subscriptions = subscriptions
    }

    /// - Parameter scope: nil where the id alone admits.
    /// - Returns: nil for a session that does not exist for the reader.
    func session(_ key: String, for scope: Scope?) async throws(Problem) -> SandboxSession? {
        guard let key = SessionKey(key) else { return nil }
        return try await database.read { transaction in
            let session = try transaction.sandboxSession(key)
            guard let scope else { return session }
            return try session.flatMap { try transaction.sandboxSession($0.id, in: scope) }
        }
    }

    /// The lines that follow now.
    func follow(_ session: SandboxSession, for scope: Scope?) async throws(Problem) -> Subscription {
        let topic = SessionLogService.topic(of: session)
        guard let scope else { return try await subscriptions.open(admitted: topic) }
        return try await subscriptions.open(topic.name.text, scope: scope)
    }

    /// The last messages, the oldest first.
    func latest(of session: SandboxSession) async throws(Problem) -> [JSONValue] {
        let topic = SessionLogService.topic(of: session)
        let head = try await subscriptions.open(admitted: topic).position
        guard head > 0 else { return [] }
        let subscription = try await subscriptions.open(admitted: topic, after: max(0, head - Int64(Self.linesMax)))
        var messages: [JSONValue] = []
        while subscription.position < head, let page = try await subscription.next(within: .zero), !page.isEmpty {
            messages += page.compactMap { delivery in
                guard delivery.sequence != nil else { return nil }
                return (try? JSONValue(parsing: Array(buffer: delivery.json)))?["data"]
            }
        }
        return messages
    }
}
