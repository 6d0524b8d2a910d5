package import Modules

/// Why the server ends a subscription.
package enum SubscriptionEnd: Sendable, Equatable {
    /// The caller's session or API key has ended, or the caller has left the organisation.
    case accessEnded
    /// The caller may no longer read the topic, such as after a changed role.
    case unreadable
    case topicRemoved
    /// The server is stopping.
    case stopping
    /// It has lasted for ``SubscriptionService/lifetime``.
    case expired
    /// The client has disconnected.
    case disconnected

    /// How a WebSocket is closed.
    package var close: WebSocketClose {
        switch self {
        case .accessEnded, .unreadable: .policyViolation("access ended")
        case .topicRemoved: WebSocketClose(4004, "the topic does not exist any more")
        case .stopping: .goingAway("the server is stopping")
        case .expired: .goingAway("subscribe again")
        case .disconnected: .normal
        }
    }
}
