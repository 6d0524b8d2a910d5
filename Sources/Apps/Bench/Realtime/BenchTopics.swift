import App
import Identity
import Modules
import Realtime
import Synchronization

/// Topics of the bench's own server, and the endpoints that append messages to them.
final class BenchTopics: Sendable {
    private let topics: TopicService
    private let identity: IdentityModule
    private let database: any Database
    private let turns = Atomic(0)

    static let family = "bench"

    /// Registers the family of the topics: once for an app.
    init(_ app: App) {
        (topics, identity, database) = (app.realtime.topics, app.identity, app.database)
        topics.register(TopicFamily(Self.family) { _, _, _ in true })
    }

    var routes: [Route] {
        [
            .post(
                "bench/topics/{topic}/messages", "Append a message to a topic",
                requires: identity.member, .path("topic")
            ) { [self] (message: BenchMessage, scope, topic) in
                try await append(message, to: topic, scope: scope)
            },
            .post(
                "bench/appends", "Append a message to one of several topics, in turn",
                requires: identity.member, .query("topics", 1...1_000, default: 1)
            ) { [self] scope, count in
                let turn = turns.wrappingAdd(1, ordering: .relaxed).oldValue
                return try await append(BenchMessage(bytes: 100), to: "append-\(turn % count)", scope: scope)
            },
        ]
    }

    private func append(_ message: BenchMessage, to subject: String, scope: Scope) async throws(Problem) -> Appended {
        guard let name = TopicName("\(Self.family).\(subject)") else { throw Problem(.notFound) }
        let new = try NewMessage("bench", message)
        try await database.write { [topics] in try topics.append(new, to: Topic(name, of: scope.organisation), in: $0) }
        return Appended(topic: name.text)
    }
}

private struct Appended: Payload {
    var topic: String
}
