package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Hears what is published, on a connection of its own, and subscribes again after that broke.
package final class RedisSubscriber: Service {
    /// What a listener hears.
    package enum Event: Sendable, Hashable {
        case message(ByteBuffer)
        /// From now on nothing is missed. Whatever was published before, since the connection broke or while there was none, is lost.
        case subscribed
    }

    /// Messages that a slow listener may leave unread; then the oldest are dropped for it.
    package static let backlog = 1_024

    private let station: SubscriptionConnection

    package init(_ settings: RedisSettings, eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton)
    {
        station = SubscriptionConnection(settings, on: eventLoopGroup.next())
    }

    /// Listens to a channel until the stream is let go of. The subscription is made again whenever the connection is.
    package func listen(to channel: String) -> AsyncStream<Event> {
        let (stream, listener) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(Self.backlog))
        let id = station.nextID.wrappingAdd(1, ordering: .relaxed).newValue
        let station = station
        listener.onTermination = { _ in station.loop.execute { station.remove(id, from: channel) } }
        station.loop.execute { station.add(listener, id, to: channel) }
        return stream
    }

    package func run() async throws {
        try? await gracefulShutdown()
        await close()
    }

    /// Ends all streams.
    package func close() async {
        let station = station
        try? await station.loop.submit { station.close() }.get()
    }
}

/// The connection and its listeners.
///
/// Sound because everything but the counter is touched on the loop alone.
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
    private var hasAnswered = true

    init(_ settings: RedisSettings, on loop: any EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    func add(_ listener: AsyncStream<RedisSubscriber.Event>.Continuation, _ id: Int, to channel: String) {
        guard !isClosed else { return listener.finish() }
        listeners[channel, default: [:]][id] = listener
        guard let connection else { return connect() }
        // Also for a channel that is listened to already: its confirmation tells the new listener from when on it hears.
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
        hasAnswered = true
        connection.onReply = { self.received($0) }
        connection.onEnd = { _ in
            self.heartbeat?.cancel()
            self.connection = nil
            self.retry()
        }
        if !listeners.isEmpty { send(["SUBSCRIBE"] + listeners.keys, on: connection) }
        // A connection whose other end vanished is silent like one on which nobody speaks: ask, and expect an answer by the next time.
        heartbeat = loop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            guard self.hasAnswered else { return connection.end(because: "no sign of life") }
            self.hasAnswered = false
            self.send(["PING"], on: connection)
        }
    }

    private func send(_ arguments: [String], on connection: RedisConnection) {
        var bytes = ByteBuffer()
        RedisCommand(arguments).write(to: &bytes)
        connection.send(bytes)
    }

    private func received(_ value: RESPValue) {
        hasAnswered = true
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
