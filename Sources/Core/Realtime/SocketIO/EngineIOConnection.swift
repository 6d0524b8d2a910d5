import Identity
import Modules
import Synchronization

/// One client of Engine.IO: the packets that wait for it, whichever transport takes them, and the topics it follows.
final class EngineIOConnection: Sendable {
    enum Transport: Sendable {
        case polling
        case webSocket
    }

    private struct State {
        var transport: Transport
        var packets: [EngineIOPacket] = []
        var bytes = 0
        /// A request of the client is waiting for packets, and one is sending some.
        var isPolled = false
        var isPosted = false
        /// A WebSocket is being probed; polls end at once.
        var isProbed = false
        var probe: WebSocket?
        var hasAnsweredPing = true
        /// Whose access is checked again; nil until the client has connected to Socket.IO.
        var scope: Scope?
        var refusals = 0
        var subscriptions: [TopicName: Subscription] = [:]
        var heartbeat: Task<Void, Never>?
        var isClosed = false
        var close = WebSocketClose.normal
        var isSignalled = false
        var reader: CheckedContinuation<Void, Never>?
        var writers: [CheckedContinuation<Void, Never>] = []

        var isFull: Bool { packets.count >= packetsMax || bytes >= bytesMax }
    }

    /// Packets and bytes that wait for a client. Beyond them the topics that it follows wait.
    static let packetsMax = 64
    static let bytesMax = 256 << 10
    /// Topics that a client follows at once.
    static let topicsMax = 16
    /// Credentials that are refused before the connection is closed.
    private static let refusalsMax = 5

    /// Random, with 144 bits: a request that names it acts for the client.
    let id: String
    let client: ClientInfo
    private let state: Mutex<State>

    init(id: String, transport: Transport, client: ClientInfo) {
        self.id = id
        self.client = client
        state = Mutex(State(transport: transport))
    }

    var scope: Scope? { state.withLock { $0.scope } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Whether the client has got everything.
    var isDrained: Bool { state.withLock { $0.isClosed && $0.packets.isEmpty } }
    var isPolling: Bool { state.withLock { $0.transport == .polling } }
    /// How a WebSocket is closed once the connection is.
    var webSocketClose: WebSocketClose { state.withLock { $0.close } }

    // MARK: Packets to the client

    /// Adds a packet once fewer than the most that may wait do; none once the connection is closed.
    func send(_ packet: EngineIOPacket) async {
        while true {
            let isSettled = state.withLock { state in
                if state.isClosed { return true }
                guard !state.isFull else { return false }
                Self.add(packet, to: &state)
                return true
            }
            if isSettled { return signal() }
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    guard state.isFull, !state.isClosed else { return false }
                    state.writers.append(continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        }
    }

    /// Adds a packet of the protocol, which does not wait for others.
    func push(_ packet: EngineIOPacket) {
        state.withLock { if !$0.isClosed { Self.add(packet, to: &$0) } }
        signal()
    }

    /// Waits for packets. One task at a time.
    /// - Returns: the packets of one payload; nil where the connection is closed and all were taken, or the task is
    ///   cancelled.
    func next() async -> [EngineIOPacket]? {
        while !Task.isCancelled {
            let (packets, isAtEnd, writers) = state.withLock { state in
                let packets = Self.takePackets(of: &state)
                defer { if !state.isFull { state.writers = [] } }
                return (packets, packets.isEmpty && state.isClosed, state.isFull ? [] : state.writers)
            }
            for writer in writers { writer.resume() }
            if isAtEnd { return nil }
            if !packets.isEmpty { return packets }
            await wait()
        }
        return nil
    }

    private static func add(_ packet: EngineIOPacket, to state: inout State) {
        state.packets.append(packet)
        state.bytes += packet.data.utf8.count
    }

    private static func takePackets(of state: inout State) -> [EngineIOPacket] {
        if state.packets.isEmpty { return state.isProbed && !state.isClosed ? [EngineIOPacket(.noop)] : [] }
        var (count, bytes) = (0, 0)
        for packet in state.packets.prefix(EngineIOPayload.packetsMax) {
            guard count == 0 || bytes + packet.data.utf8.count <= EngineIOPayload.bytesMax else { break }
            count += 1
            bytes += packet.data.utf8.count
        }
        defer {
            state.packets.removeFirst(count)
            state.bytes -= bytes
        }
        return Array(state.packets[..<count])
    }

    /// Wakes the reader, or lets its next wait return at once.
    private func signal() {
        let reader = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isSignalled = state.reader == nil
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = state.withLock { state in
                    if state.isSignalled {
                        state.isSignalled = false
                        return true
                    }
                    state.reader = continuation
                    return false
                }
                if isSignalled { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }

    // MARK: Polling

    /// - Returns: false while another poll waits, and where the transport is a WebSocket.
    func beginPoll() -> Bool {
        state.withLock { state in
            guard !state.isPolled, state.transport == .polling else { return false }
            state.isPolled = true
            return true
        }
    }

    func endPoll() { state.withLock { $0.isPolled = false } }

    /// - Returns: false while another request sends packets, and where the transport is a WebSocket.
    func beginPost() -> Bool {
        state.withLock { state in
            guard !state.isPosted, state.transport == .polling else { return false }
            state.isPosted = true
            return true
        }
    }

    func endPost() { state.withLock { $0.isPosted = false } }

    // MARK: Upgrade

    /// - Returns: false where another WebSocket is being probed or used.
    func beginProbe(by socket: WebSocket) -> Bool {
        state.withLock { state in
            guard state.probe == nil, state.transport == .polling, !state.isClosed else { return false }
            state.probe = socket
            return true
        }
    }

    /// Ends the present poll, and those that follow, so that the client can change its transport.
    func answerProbe() {
        state.withLock { $0.isProbed = true }
        signal()
    }

    /// The WebSocket takes the packets from here on.
    /// - Returns: false where a poll still waits, or the connection is closed.
    func completeProbe() -> Bool {
        state.withLock { state in
            state.probe = nil
            state.isProbed = false
            guard !state.isPolled, !state.isClosed else { return false }
            state.transport = .webSocket
            return true
        }
    }

    /// The WebSocket was not used: polling goes on.
    func cancelProbe() {
        state.withLock { state in
            state.probe = nil
            state.isProbed = false
        }
    }

    // MARK: Pings

    /// Keeps the task that ``ping()`` comes from, which ends with the connection.
    func keep(_ heartbeat: Task<Void, Never>) {
        let isClosed = state.withLock { state in
            state.heartbeat = heartbeat
            return state.isClosed
        }
        if isClosed { heartbeat.cancel() }
    }

    func ping() {
        state.withLock { $0.hasAnsweredPing = false }
        push(EngineIOPacket(.ping))
    }

    func answeredPing() { state.withLock { $0.hasAnsweredPing = true } }

    /// Whether the client has answered the last ping.
    var hasAnsweredPing: Bool { state.withLock { $0.hasAnsweredPing } }

    // MARK: Caller and topics

    /// The client is admitted.
    func admit(_ scope: Scope) { state.withLock { $0.scope = scope } }

    /// - Returns: false once too many credentials were refused.
    func noteRefusal() -> Bool {
        state.withLock { state in
            state.refusals += 1
            return state.refusals < Self.refusalsMax
        }
    }

    func follows(_ topic: TopicName) -> Bool { state.withLock { $0.subscriptions[topic] != nil } }

    /// Keeps a subscription until ``end(_:)``.
    /// - Throws: `overloaded` for more than ``topicsMax``, and once the connection is closed.
    func begin(_ subscription: Subscription) throws(Problem) {
        let isKept = state.withLock { state in
            guard !state.isClosed, state.subscriptions.count < Self.topicsMax else { return false }
            state.subscriptions[subscription.topic.name] = subscription
            return true
        }
        guard isKept else {
            throw Problem.overloaded(
                retryAfter: 1, detail: "A connection follows at most \(Self.topicsMax) topics at once.")
        }
    }

    func end(_ topic: TopicName) { state.withLock { $0.subscriptions.removeValue(forKey: topic) }?.finish() }

    // MARK: End

    /// Ends the connection; the first call counts.
    /// - Parameters:
    ///   - last: packets that the client gets before the end.
    ///   - close: for its WebSocket.
    /// - Returns: whether a transport takes the last packets now, or has taken them.
    @discardableResult
    func close(_ last: [EngineIOPacket], _ close: WebSocketClose) -> Bool {
        let ended = state.withLock { state -> State? in
            guard !state.isClosed else { return nil }
            let before = state
            for packet in last { Self.add(packet, to: &state) }
            state.isClosed = true
            state.close = close
            (state.subscriptions, state.writers, state.heartbeat, state.probe) = ([:], [], nil, nil)
            return before
        }
        guard let ended else { return isDrained }
        ended.heartbeat?.cancel()
        ended.probe?.close(close)
        for subscription in ended.subscriptions.values { subscription.finish() }
        for writer in ended.writers { writer.resume() }
        signal()
        return ended.isPolled || ended.transport == .webSocket
    }
}
