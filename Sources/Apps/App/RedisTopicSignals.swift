import MessagingRedis
import Modules
import NIOCore
import Realtime
import ServiceLifecycle
import Synchronization

/// Signals between nodes that topics have moved, by Redis in place of the database.
///
/// Topics that move while a signal is being sent share one signal. Redis keeps none of them: without it, a node finds
/// the messages of the others by its own polls.
final class RedisTopicSignals: Service {
    private let client: RedisClient
    private let subscriber: RedisSubscriber
    private let realtime: RealtimeModule
    private let logger: Logger
    private let node: String
    private let pending = Mutex<Set<String>>([])
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    private static let channel = "gatehouse:topics"
    /// Signals that wait to be sent; further ones are dropped.
    private static let pendingMax = 10_000

    init(client: RedisClient, realtime: RealtimeModule, logger: Logger, runtime: Runtime) {
        self.client = client
        self.realtime = realtime
        self.logger = logger
        subscriber = RedisSubscriber(client.settings)
        node = runtime.id(of: RedisTopicSignals.self).text
        (wakeUps, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        realtime.send { [weak self] in self?.add($0) }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await self.sendSignals() }
                tasks.addTask { await self.receiveSignals() }
            }
        }
        await subscriber.close()
    }

    private func add(_ signal: String) {
        pending.withLock { if $0.count < Self.pendingMax { $0.insert(signal) } }
        wakeUp.yield()
    }

    private func sendSignals() async {
        for await _ in wakeUps {
            let signals = pending.withLock { pending in
                defer { pending = [] }
                return pending
            }
            for signal in signals {
                do {
                    _ = try await client.send("PUBLISH", Self.channel, "\(node) \(signal)")
                } catch {
                    logger.debug("a signal was not sent", metadata: ["cause": "\(error)"])
                }
            }
        }
    }

    private func receiveSignals() async {
        for await event in subscriber.subscribe(to: Self.channel) {
            guard case .message(let payload) = event else { continue }
            let words = String(buffer: payload).split(separator: " ", maxSplits: 1)
            if words.count == 2, words[0] != node { realtime.receive(String(words[1])) }
        }
    }
}
