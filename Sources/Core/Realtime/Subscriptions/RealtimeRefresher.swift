import Identity
package import Modules
import ServiceLifecycle

/// Ends the subscriptions and the Socket.IO connections of callers whose access has ended, and finds topics that have
/// moved without a signal.
package final class RealtimeRefresher: Service {
    private let hub: TopicHub
    private let sockets: SocketIOService
    private let access: AccessService
    private let logger: Logger

    /// The gate's caches are half a second old at most: a subscription ends within a second of its caller's access.
    static let interval = Duration.milliseconds(400)

    init(hub: TopicHub, sockets: SocketIOService, access: AccessService, logger: Logger) {
        self.hub = hub
        self.sockets = sockets
        self.access = access
        self.logger = logger
    }

    package func run() async throws {
        hub.connect()
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do { try await refresh() } catch {
                    logger.warning("subscriptions could not be checked; trying again", metadata: ["cause": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Checks everything once.
    package func refresh() async throws(Problem) {
        try await sockets.refresh()
        let readers = hub.readers
        guard !readers.isEmpty else { return }
        let now = ContinuousClock.now
        var scoped: [(reader: TopicReader, scope: Scope)] = []
        for reader in readers {
            let isImpersonated = reader.scope?.impersonator != nil
            let lifetime =
                isImpersonated ? SubscriptionService.impersonatedLifetime : SubscriptionService.lifetime
            if now - reader.begun > lifetime { reader.finish(.expired) }
            if let scope = reader.scope { scoped.append((reader, scope)) }
        }
        for (entry, hasEnded) in zip(scoped, try await access.haveEnded(scoped.map(\.scope))) where hasEnded {
            entry.reader.finish(.accessEnded)
        }
        try await hub.synchronize()
    }
}
