import ServiceLifecycle

/// Ends the subscriptions when the server stops: their clients connect to another process and resume.
package struct SubscriptionDrain: Service {
    let hub: TopicHub
    let sockets: SocketIOService

    package func run() async throws {
        try? await gracefulShutdown()
        stop()
    }

    /// Ends every subscription and every Socket.IO connection, and refuses new ones.
    package func stop() {
        sockets.stop()
        hub.stop()
    }
}
