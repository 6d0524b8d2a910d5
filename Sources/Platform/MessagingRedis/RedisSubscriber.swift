package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A Pub/Sub subscriber with a connection of its own. After a reconnect it subscribes to its channels again.
package final class RedisSubscriber: Service {
    /// An element of a listener's stream.
    package enum Event: Sendable, Hashable {
        case message(ByteBuffer)
        /// The subscription is confirmed: later messages are received. Messages that were published while there was
        /// no connection are not delivered.
        case subscribed
    }

    /// The number of unread messages of one listener; beyond it its oldest messages are dropped.
    package static let backlog = 1_024

    private let connection: SubscriptionConnection

    package init(_ settings: RedisSettings, eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton)
    {
        connection = SubscriptionConnection(settings, on: eventLoopGroup.next())
    }

    /// Subscribes to a channel until the stream is released. The subscription is renewed after each reconnect.
    package func subscribe(to channel: String) -> AsyncStream<Event> {
        let (stream, listener) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(Self.backlog))
        let id = connection.nextID.wrappingAdd(1, ordering: .relaxed).newValue
        let connection = connection
        listener.onTermination = { _ in connection.loop.execute { connection.remove(id, from: channel) } }
        connection.loop.execute { connection.add(listener, id, to: channel) }
        return stream
    }

    package func run() async throws {
        try? await gracefulShutdown()
        await close()
    }

    /// Ends all streams.
    package func close() async {
        let connection = connection
        try? await connection.loop.submit { connection.close() }.get()
    }
}

/// The connection and its listeners.
///
/// `@unchecked Sendable` is sound because everything but the atomic counter is accessed on the event loop alone.
private final class SubscriptionConnection: @unchecked Sendable {
    let loop: any EventLoop
    let nextID = Atomic(0)
    private let settings: RedisSettings
    private var listeners: [String: [Int: AsyncStream<RedisSubscriber.Event>.Continuation]] = [:]
    private var connection: RedisConnection?
    private var isConnecting = false
    private var isClosed = false
    private var failures = 0
    private var heartbeat: RepeatedTask?
    private var hasReplied = true

    init(_ settings: RedisSettings, on loop: any EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    func add(_ listener: AsyncStream<RedisSubscriber.Event>.Continuation, _ id: Int, to channel: String) {
        guard !isClosed else { return listener.finish() }
        listeners[channel, default: [:]][id] = listener
        guard let connection else { return connect() }
        // Also for a channel that is subscribed already: the new listener needs its own confirmation.
        send(["SUBSCRIBE", channel], on: connection)
    }

    func remove(_ id: Int, from channel: String) {
        listeners[channel]?[id] = nil
        guard listeners[channel]?.isEmpty == true else { return }
        listeners[channel] = nil
        if let connection { send(["UNSUBSCRIBE", channel], on: connection) }
    }

    func close() {
        isClosed = true
        heartbeat?.cancel()
        connection?.end(because: "the subscriber is closed")
        connection = nil
        let all = listeners.values.flatMap(\.values)
        listeners = [:]
        for listener in all { listener.finish() }
    }

    private func connect() {
        guard !isConnecting, connection == nil, !isClosed else { return }
        isConnecting = true
        RedisConnection.open(settings, on: loop).whenComplete { outcome in
            self.isConnecting = false
            switch outcome {
            case .success(let connection): self.opened(connection)
            case .failure: self.retry()
            }
        }
    }

    private func retry() {
        guard !isClosed else { return }
        failures += 1
        var generator = SystemRandomNumberGenerator()
        loop.scheduleTask(in: TimeAmount(settings.backoff.delay(after: failures, using: &generator))) { self.connect() }
    }

    private func opened(_ connection: RedisConnection) {
        guard !isClosed else { return connection.end(because: "the subscriber is closed") }
        self.connection = connection
        failures = 0
        hasReplied = true
        connection.onReply = { self.received($0) }
        connection.onEnd = { _ in
            self.heartbeat?.cancel()
            self.connection = nil
            self.retry()
        }
        if !listeners.isEmpty { send(["SUBSCRIBE"] + listeners.keys, on: connection) }
        // A half-open connection looks like an idle one. The reply to a PING is due before the next PING.
        heartbeat = loop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            guard self.hasReplied else { return connection.end(because: "no reply to PING") }
            self.hasReplied = false
            self.send(["PING"], on: connection)
        }
    }

    private func send(_ arguments: [String], on connection: RedisConnection) {
        var bytes = ByteBuffer()
        RedisCommand(arguments).write(to: &bytes)
        connection.send(bytes)
    }

    private func received(_ value: RESPValue) {
        hasReplied = true
        guard let parts = value.array, let kind = parts.first?.text, parts.count == 3, let channel = parts[1].text
        else { return }
        switch kind {
        case "message":
            guard case .bulk(let payload) = parts[2] else { return }
            for listener in (listeners[channel] ?? [:]).values { listener.yield(.message(payload)) }
        case "subscribe": for listener in (listeners[channel] ?? [:]).values { listener.yield(.subscribed) }
        default: break
        }
    }
}
