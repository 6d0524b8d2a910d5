package import Identity
package import Modules

/// Opens subscriptions to topics.
package final class SubscriptionService: Sendable {
    private let database: any Database
    private let topics: TopicService
    private let hub: TopicHub

    /// Subscriptions of one caller in one process, unless the installation sets another number.
    package static let perCallerDefault = 64
    /// After it a subscription ends, and its client subscribes again with its present credential.
    static let lifetime = Duration.hours(24)
    /// As ``lifetime``, for an administrator who acts as another person.
    static let impersonatedLifetime = Duration.hours(1)

    init(database: any Database, topics: TopicService, hub: TopicHub) {
        self.database = database
        self.topics = topics
        self.hub = hub
    }

    /// Opens a subscription of a caller to a topic of its organisation.
    /// - Parameters:
    ///   - after: the last message that the caller has; nil begins with the messages to come.
    ///   - pointer: names `after` in a validation fault.
    /// - Throws: `not-found` for a topic that the caller may not read; `insufficient-scope` for an API key without the
    ///   scope of the family; `validation-failed` where `after` is ahead of the topic's last message; `overloaded`
    ///   while the process is stopping; `too-many-subscriptions` for more subscriptions of the caller than allowed.
    package func open(_ name: String, scope: Scope, after: Int64? = nil, pointer: String = "/query/after")
        async throws(Problem) -> Subscription
    {
        guard let name = TopicName(name), let family = topics.family(of: name) else { throw Problem(.notFound) }
        try family.requireKeyScope(of: scope)
        return try await open(Topic(name, of: scope.organisation), scope: scope, after: after, pointer: pointer) {
            transaction in
            guard try family.mayRead(name, scope, transaction) else { throw Problem(.notFound) }
        }
    }

    /// Opens a subscription whose reader the caller of this function has admitted.
    /// - Parameter after: as above.
    /// - Throws: `too-many-subscriptions` for more readers of the topic without a caller than allowed.
    package func open(admitted topic: Topic, after: Int64? = nil) async throws(Problem) -> Subscription {
        try await open(topic, scope: nil, after: after, pointer: "/query/after") { _ in }
    }

    /// Opens a subscription without messages, for a connection that follows no topic yet: it ends with the caller's
    /// access, or when the server stops.
    /// - Throws: `overloaded` while the process is stopping; `too-many-subscriptions`.
    package func openWithoutMessages(scope: Scope) throws(Problem) -> Subscription {
        // No product has this family, so that the topic has no messages, and no rule decides who may read it.
        let topic = Topic(TopicName(family: "callers", scope.person), of: scope.organisation)
        let reader = try hub.join(topic, scope: scope)
        _ = reader.feed.begin(at: 0)
        return Subscription(reader, of: hub)
    }

    /// The last message of a topic that has one of several types, for a caller who has been admitted to the topic.
    /// - Returns: nil where no such message is kept.
    package func last(of types: [String], in topic: Topic) async throws(Problem) -> Delivery? {
        try await database.read { try $0.lastMessage(of: types, in: topic) }.map { Delivery($0) }
    }

    /// Ends the subscriptions of callers who may no longer read their topics, although their access lasts: a role has
    /// changed, or a member has left a group. Each caller is checked once for each of its topics.
    func endUnreadable() async throws(Problem) {
        let pairs = hub.callersOfTopics
        for start in stride(from: 0, to: pairs.count, by: Self.checksMax) {
            let some = pairs[start..<min(start + Self.checksMax, pairs.count)]
            let unreadable = try await database.read { [topics] transaction in
                try some.filter { pair in
                    guard let family = topics.family(of: pair.topic.name) else { return false }
                    return try !family.mayRead(pair.topic.name, pair.caller.scope, transaction)
                }
            }
            for pair in unreadable { hub.finish(pair.caller, in: pair.topic, .unreadable) }
        }
    }

    /// Pairs of a caller and a topic that are checked in one transaction.
    private static let checksMax = 200

    private func open(
        _ topic: Topic, scope: Scope?, after: Int64?, pointer: String,
        checking: @escaping @Sendable (Transaction) throws -> Void
    ) async throws(Problem) -> Subscription {
        // Before the read, so that messages that are committed after it reach the reader.
        let reader = try hub.join(topic, scope: scope)
        let subscription = Subscription(reader, of: hub)
        let head = try await database.read { transaction in
            try checking(transaction)
            return try transaction.head(of: topic) ?? 0
        }
        if let after, after > head {
            throw Problem.invalid(pointer, "is ahead of the topic, whose last message is number \(head)")
        }
        reader.position = after ?? head
        if reader.feed.begin(at: head) { hub.moved(topic) }
        return subscription
    }
}

extension Problem.Kind {
    package static let tooManySubscriptions = Self(
        "too-many-subscriptions", "Too many subscriptions are open", status: 429)
}
