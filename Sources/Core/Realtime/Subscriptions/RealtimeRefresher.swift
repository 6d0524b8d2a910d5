import Identity
package import Modules
import ServiceLifecycle
import Synchronization

/// Ends the subscriptions and the Socket.IO connections of callers whose access has ended, and the subscriptions to
/// topics that their callers may no longer read, and finds topics that have moved without a signal.
package final class RealtimeRefresher: Service {
    private let hub: TopicHub
    private let subscriptions: SubscriptionService
    private let sockets: SocketIOService
    private let access: AccessService
    private let logger: Logger
    private let expiresNext = Mutex(ContinuousClock.now)

    /// The gate's caches are half a second old at most: a subscription ends within a second of its caller's access.
    static let interval = Duration.milliseconds(400)
    /// Lifetimes are hours: every reader is looked at this often only.
    private static let expiryInterval = Duration.seconds(30)

    init(
        hub: TopicHub, subscriptions: SubscriptionService, sockets: SocketIOService, access: AccessService,
        logger: Logger
    ) {
        self.hub = hub
        self.subscriptions = subscriptions
        self.sockets = sockets
        self.access = access
        self.logger = logger
    }

    package func run() async throws {
        hub.connect()
        await cancelWhenGracefulShutdown { [self] in
            // Apart: a check of thousands of topics must delay neither ended access nor lost signals.
            async let readable: Void = repeatedly { [subscriptions] () throws(Problem) in
                try await subscriptions.endUnreadable()
            }
            await repeatedly { [self] () throws(Problem) in try await refresh() }
            await readable
        }
    }

    private func repeatedly(_ check: @Sendable () async throws(Problem) -> Void) async {
        while !Task.isCancelled {
            do { try await check() } catch {
                logger.warning("subscriptions could not be checked; trying again", metadata: ["cause": "\(error)"])
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Checks everything once: the access by callers and not by readers, of which one caller may have thousands.
    package func refresh() async throws(Problem) {
        try await sockets.refresh()
        let callers = hub.callers
        let haveEnded = try await access.haveEnded(callers.map(\.scope))
        let ended = Set(zip(callers, haveEnded).filter(\.1).map(\.0))
        if !ended.isEmpty { hub.finish(ended, .accessEnded) }
        expire()
        try await hub.synchronize()
    }
    /// Ends the subscriptions that have lasted for long enough.
    private func expire() {
        let now = ContinuousClock.now
        let isDue = expiresNext.withLock { next in
            guard now >= next else { return false }
            next = now + Self.expiryInterval
            return true
        }
        guard isDue else { return }
        for reader in hub.readers where now - reader.begun > reader.lifetime { reader.finish(.expired) }
    }
}
