import ServiceLifecycle

/// Ends the subscriptions when the server stops: their clients connect to another process and resume.
package struct SubscriptionDrain: Service {
    let hub: TopicHub

    package func run() async throws {
        try? await gracefulShutdown()
        stop()
    }

    /// Ends every subscription, and refuses new ones.
    package func stop() { hub.stop() }
}
