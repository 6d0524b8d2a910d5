import Identity
import Modules

/// The endpoint of topics: WebSocket, server-sent events, NDJSON and long polling are views of one subscription.
struct TopicRoutes: Sendable {
    let subscriptions: SubscriptionService
    let member: RealtimeMember
    let originCheck: OriginCheck
    let logger: Logger

    /// How long a request may wait for a message, in seconds.
    private static let waitMax = 30

    var routes: [Route] {
        [
            .get(
                "realtime/topics/{topic}",
                "Read the messages of a topic by WebSocket, server-sent events, NDJSON or long polling",
                requires: member, .path("topic"), TopicPosition(), .query("wait", 0...Self.waitMax, default: 0),
                .query(RealtimeMember.ticketName, upTo: 100), TopicFormat(originCheck: originCheck),
                problems: [.tooManySubscriptions]
            ) { try await view(scope: $0, topic: $1, position: $2, wait: $3, format: $5) }
        ]
    }

    private func view(
        scope: Scope, topic: String, position: TopicPosition.Value?, wait: Int, format: TopicFormat.Choice
    ) async throws(Problem) -> TopicView {
        let subscription = try await subscriptions.open(
            topic, scope: scope, after: position?.after, pointer: position?.pointer ?? "")
        switch format {
        case .webSocket(let handshake): return .webSocket(upgrade(handshake, subscription))
        case .events: return .stream(TopicStream(subscription: subscription, format: .events))
        case .lines: return .stream(TopicStream(subscription: subscription, format: .lines))
        case .page:
            let deliveries = try await subscription.next(within: .seconds(wait)) ?? []
            if subscription.end == .accessEnded {
                throw Problem(.tokenExpired, headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
            }
            if subscription.end == .unreadable { throw Problem(.notFound) }
            return .page(TopicPage.json(subscription.topic.name, deliveries, next: subscription.position))
        }
    }

    private func upgrade(_ handshake: WebSocketHandshake, _ subscription: Subscription) -> WebSocketUpgrade {
        WebSocketUpgrade(
            handshake, onClose: { subscription.finish() },
            begin: { [logger] socket in TopicSocket(subscription, socket, logger: logger).send() })
    }
}
