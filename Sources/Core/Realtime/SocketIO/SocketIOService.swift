import HTTPTypes
import Identity
import Modules
import NIOCore
import Secrets
import Synchronization

/// The clients of Socket.IO: opens and ends their connections, admits them by their tokens, and handles their events.
package final class SocketIOService: Sendable {
    private struct State {
        var connections: [String: EngineIOConnection] = [:]
        var events: [String: SocketEvent] = [:]
        var isStopping = false
    }

    /// Connections of this process; of them those of one address that have not been admitted, and those of one person.
    static let connectionsMax = 4_096
    static let unadmittedMax = 64
    static let personMax = 16
    /// How long the last packets of a connection are kept for the next poll.
    private static let lastPollTime = Duration.seconds(5)

    private let member: Member
    private let access: AccessService
    private let subscriptions: SubscriptionService
    private let timing: EngineIOTiming
    private let logger: Logger
    private let runtime: Runtime
    private let state = Mutex(State())

    init(
        member: Member, access: AccessService, subscriptions: SubscriptionService,
        timing: EngineIOTiming = EngineIOTiming(), logger: Logger, runtime: Runtime
    ) {
        self.member = member
        self.access = access
        self.subscriptions = subscriptions
        self.timing = timing
        self.logger = logger
        self.runtime = runtime
    }

    /// Adds events that clients may send, when the modules are wired.
    package func register(_ events: [SocketEvent]) {
        state.withLock { state in
            for event in events {
                precondition(state.events[event.name] == nil, "two events are named \(event.name)")
                state.events[event.name] = event
            }
        }
    }

    // MARK: Connections

    /// Opens a connection, whose first packet tells the client its id.
    /// - Throws: `overloaded` while the process is stopping, and where it or the client's address has too many.
    func open(_ transport: EngineIOConnection.Transport, for client: ClientInfo) throws(Problem) -> EngineIOConnection {
        let connection = EngineIOConnection(
            id: Base64URL.encode(runtime.randomBytes(18)), transport: transport, client: client)
        let opening = EngineIOOpening(connection.id, isUpgradable: transport == .polling, timing: timing)
        connection.push(EngineIOPacket(.open, String(buffer: try opening.encoded())))
        let isOpen = state.withLock { state in
            guard !state.isStopping, state.connections.count < Self.connectionsMax,
                state.connections.values.count(where: { $0.scope == nil && $0.client.address == client.address })
                    < Self.unadmittedMax
            else { return false }
            state.connections[connection.id] = connection
            return true
        }
        guard isOpen else {
            throw Problem.overloaded(retryAfter: 5, detail: "There are too many connections. Connect later.")
        }
        connection.keep(Task { await keepAlive(connection) })
        return connection
    }

    /// - Throws: `invalid-request` for an unknown id.
    func connection(_ id: String) throws(Problem) -> EngineIOConnection {
        guard let connection = state.withLock({ $0.connections[id] }) else {
            throw Problem(.invalidRequest, detail: "Session ID unknown")
        }
        return connection
    }

    /// Ends a connection.
    /// - Parameter last: packets that the client gets before the end.
    func close(_ connection: EngineIOConnection, _ last: [EngineIOPacket] = [], _ close: WebSocketClose = .normal) {
        if connection.close(last, close) || last.isEmpty { return remove(connection) }
        Task {
            try? await Task.sleep(for: Self.lastPollTime)
            remove(connection)
        }
    }

    func remove(_ connection: EngineIOConnection) { state.withLock { $0.connections[connection.id] = nil } }

    private func keepAlive(_ connection: EngineIOConnection) async {
        while (try? await Task.sleep(for: timing.pingInterval - timing.pingTimeout)) != nil {
            connection.ping()
            guard (try? await Task.sleep(for: timing.pingTimeout)) != nil else { return }
            guard connection.hasAnsweredPing, connection.scope != nil else {
                return close(connection, [EngineIOPacket(.close)], .goingAway("no answer to a ping"))
            }
        }
    }

    /// Ends the connections of callers whose access has ended.
    func refresh() async throws(Problem) {
        var scoped: [(connection: EngineIOConnection, scope: Scope)] = []
        for connection in state.withLock({ Array($0.connections.values) }) where !connection.isClosed {
            if let scope = connection.scope { scoped.append((connection, scope)) }
        }
        guard !scoped.isEmpty else { return }
        for (entry, hasEnded) in zip(scoped, try await access.haveEnded(scoped.map(\.scope))) where hasEnded {
            end(entry.connection, .accessEnded)
        }
    }

    /// Ends every connection, and refuses new ones.
    func stop() {
        let connections = state.withLock { state in
            state.isStopping = true
            return Array(state.connections.values)
        }
        for connection in connections { end(connection, .stopping) }
    }

    /// Ends a connection as a subscription ends. A client whose access has ended learns that it is not to
    /// connect again.
    private func end(_ connection: EngineIOConnection, _ end: SubscriptionEnd) {
        let packets: [EngineIOPacket] = end == .accessEnded ? [.socket(.disconnect)] : []
        close(connection, packets + [EngineIOPacket(.close)], end.close)
    }

    // MARK: Topics

    func subscribe(to topic: TopicName, _ scope: Scope) async throws(Problem) -> Subscription {
        try await subscriptions.open(topic.text, scope: scope)
    }

    /// Sends the messages of a subscription as events until one of both ends.
    func pass(_ subscription: Subscription, to connection: EngineIOConnection) {
        Task {
            do {
                while let deliveries = try await subscription.next() {
                    for event in deliveries.compactMap(\.event) {
                        await connection.send(.event(event.type, event.data))
                    }
                }
            } catch {
                logger.warning("a client of Socket.IO lost a topic", metadata: ["cause": "\(error)"])
                subscription.finish(.expired)
            }
            switch subscription.end {
            case .topicRemoved, .unreadable: connection.end(subscription.topic.name)
            case .disconnected, nil: break
            case .accessEnded?: end(connection, .accessEnded)
            case .stopping?: end(connection, .stopping)
            case .expired?: end(connection, .expired)
            }
        }
    }

    // MARK: Packets of clients

    /// Handles a packet. Those of one connection are handled one after the other. What a client may not send ends its
    /// connection.
    func receive(_ packet: EngineIOPacket, on connection: EngineIOConnection) async {
        switch packet.kind {
        case .pong: connection.answeredPing()
        case .message:
            guard let message = SocketIOPacket(text: packet.data) else { return refuse(connection) }
            await receive(message, on: connection)
        case .close: close(connection)
        case .open, .ping, .upgrade, .noop: refuse(connection)
        }
    }

    /// Ends a connection whose client violates the protocol.
    func refuse(_ connection: EngineIOConnection) {
        close(connection, [EngineIOPacket(.close)], .protocolError("not a packet of Engine.IO 4 and Socket.IO 5"))
    }

    private func receive(_ packet: SocketIOPacket, on connection: EngineIOConnection) async {
        guard packet.namespace == SocketIOPacket.mainNamespace else {
            guard packet.kind == .connect else { return refuse(connection) }
            return await refuse(
                Problem(.notFound, detail: "Invalid namespace"), packet.namespace, on: connection)
        }
        switch packet.kind {
        case .connect: await connect(packet, on: connection)
        case .disconnect: close(connection)
        case .event:
            guard let scope = connection.scope else { return refuse(connection) }
            await handle(packet, of: SocketClient(scope: scope, connection: connection, service: self))
        case .acknowledgement: break
        case .connectError: refuse(connection)
        }
    }

    private func connect(_ packet: SocketIOPacket, on connection: EngineIOConnection) async {
        guard connection.scope == nil else { return refuse(connection) }
        do throws(Problem) {
            let scope = try await scope(of: packet.value?["token"]?.string, from: connection.client)
            try admit(scope, connection)
            let accepted = SocketIOConnected(sid: Base64URL.encode(runtime.randomBytes(15)))
            await connection.send(.socket(.connect, data: String(buffer: try accepted.encoded())))
        } catch {
            await refuse(error, packet.namespace, on: connection)
        }
    }

    /// The caller of an access token, by the same check as any request.
    private func scope(of token: String?, from client: ClientInfo) async throws(Problem) -> Scope {
        let request = Request(
            method: .get, path: SocketIORoutes.path,
            headers: token.map { [.authorization: "Bearer \($0)"] } ?? [:], requestID: client.requestID,
            address: client.address, received: runtime.now())
        return try await member.check(request)
    }

    /// - Throws: `overloaded` where the person has too many connections.
    private func admit(_ scope: Scope, _ connection: EngineIOConnection) throws(Problem) {
        let isAdmitted = state.withLock { state in
            guard state.connections.values.count(where: { $0.scope?.person == scope.person }) < Self.personMax else {
                return false
            }
            connection.admit(scope)
            return true
        }
        guard isAdmitted else {
            throw Problem.overloaded(
                retryAfter: 5, detail: "An account has at most \(Self.personMax) connections at once.")
        }
    }

    /// Answers `CONNECT` with `CONNECT_ERROR`, a few times.
    private func refuse(_ problem: Problem, _ namespace: String, on connection: EngineIOConnection) async {
        if problem.kind.status >= 500, problem.kind != .overloaded {
            logger.warning("a client of Socket.IO was refused", metadata: ["cause": "\(problem)"])
        }
        guard let data = try? SocketIORefusal(problem).encoded() else { return close(connection) }
        let answer = EngineIOPacket.socket(.connectError, in: namespace, data: String(buffer: data))
        guard connection.noteRefusal() else {
            return close(connection, [answer, EngineIOPacket(.close)], .policyViolation("too many refusals"))
        }
        await connection.send(answer)
    }

    /// Events without a handler have no effect.
    private func handle(_ packet: SocketIOPacket, of client: SocketClient) async {
        guard let arguments = packet.value?.array, let name = arguments.first?.string else {
            return refuse(client.connection)
        }
        if let event = state.withLock({ $0.events[name] }) {
            do { try await event.handle(arguments.dropFirst().first ?? .null, client) } catch {
                logger.warning("an event of Socket.IO failed", metadata: ["event": "\(name)", "cause": "\(error)"])
                return close(client.connection, [EngineIOPacket(.close)], WebSocketClose(1011, "try again"))
            }
        }
        if let id = packet.id { await client.connection.send(.socket(.acknowledgement, id: id, data: "[]")) }
    }
}
