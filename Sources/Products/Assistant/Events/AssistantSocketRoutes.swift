import Identity
import Modules
import Realtime

/// The WebSocket of the assistant's clients.
struct AssistantSocketRoutes: Sendable {
    let subscriptions: SubscriptionService
    let member: Member
    let originCheck: OriginCheck
    let logger: Logger
    let runtime: Runtime

    var routes: [Route] {
        [
            .get(
                "/v1/ws", "Follow one's sessions by WebSocket", requires: member.allowing(.assistant),
                .query("client_id", upTo: 100), .query("session_id", upTo: 36), .query("reconnect_token", upTo: 60),
                SocketHandshake(originCheck: originCheck, checksOrigin: true),
                problems: [.notFound, .tooManySubscriptions]
            ) { [subscriptions, logger, runtime] scope, client, session, token, handshake -> AssistantSocket in
                let follower = SessionFollower(subscriptions: subscriptions, scope: scope)
                let access = try subscriptions.openWithoutMessages(scope: scope)
                var first: Subscription?
                if session != nil || token != nil {
                    first = try await follower.open(try SessionPosition(session, token: token))
                }
                let anonymous: ID<AssistantSocketFrame> = runtime.id()
                return AssistantSocket(
                    handshake, clientID: client ?? anonymous.text, follower: follower, access: access, first,
                    logger: logger, runtime: runtime)
            }
        ]
    }
}
