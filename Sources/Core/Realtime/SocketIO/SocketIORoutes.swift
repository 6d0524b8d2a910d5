import Identity
import Modules
import NIOCore

/// The endpoint of Socket.IO. It is public: a client is admitted by the token of its `CONNECT`.
struct SocketIORoutes: Sendable {
    let sockets: SocketIOService
    let originCheck: OriginCheck
    let logger: Logger

    static let path = "/socket.io/"
    /// Characters of the id of a connection.
    private static let idMax = 64

    var routes: [Route] {
        [
            .get(
                Self.path, "Connect to Socket.IO, and receive packets, by polling or WebSocket", requires: .public,
                .query("EIO", upTo: 8), .query("sid", upTo: Self.idMax), SocketIOHandshake(originCheck: originCheck)
            ) { try await receive(client: $0, id: $2, transport: $3) },
            .post(
                Self.path, "Send packets to Socket.IO by polling", requires: .public, .query("EIO", upTo: 8),
                .query("sid", upTo: Self.idMax), SocketIOHandshake(originCheck: originCheck), .plainText
            ) { try await send($4, id: $2) },
        ]
    }

    private func receive(client: ClientInfo, id: String?, transport: SocketIOHandshake.Choice) async throws(Problem)
        -> SocketIOView
    {
        let known: EngineIOConnection? = if let id { try sockets.connection(id) } else { nil }
        switch transport {
        case .polling:
            if let known { return .payload(try await poll(known)) }
            return .payload(try await poll(try sockets.open(.polling, for: client)))
        case .webSocket(let handshake):
            if let known { return .webSocket(upgrade(handshake, known, isProbe: true)) }
            return .webSocket(upgrade(handshake, try sockets.open(.webSocket, for: client), isProbe: false))
        }
    }

    // MARK: Polling

    private func poll(_ connection: EngineIOConnection) async throws(Problem) -> String {
        guard connection.beginPoll() else { throw overlap(on: connection) }
        defer { connection.endPoll() }
        let packets = await connection.next()
        if connection.isDrained { sockets.remove(connection) }
        return EngineIOPayload.text(of: packets ?? [EngineIOPacket(.noop)])
    }

    private func send(_ incoming: RawBody.Incoming, id: String?) async throws(Problem) -> PlainText {
        let connection = try sockets.connection(id ?? "")
        guard connection.beginPost() else { throw overlap(on: connection) }
        defer { connection.endPost() }
        let body = try await incoming.body.collect(upTo: EngineIOPayload.bytesMax)
        guard let text = String(validating: body.readableBytesView, as: UTF8.self),
            let packets = EngineIOPayload.packets(of: text)
        else {
            sockets.refuse(connection)
            throw Problem(.invalidRequest, detail: "The body is not a payload of Engine.IO 4.")
        }
        for packet in packets where !connection.isClosed { await sockets.receive(packet, on: connection) }
        return PlainText("ok")
    }

    /// A client has one request of each direction; two would mix the order of its packets.
    private func overlap(on connection: EngineIOConnection) -> Problem {
        if connection.isPolling { sockets.refuse(connection) }
        return Problem(.invalidRequest, detail: "Another request of this connection is under way.")
    }

    // MARK: WebSocket

    private func upgrade(
        _ handshake: WebSocketHandshake, _ connection: EngineIOConnection, isProbe: Bool
    ) -> WebSocketUpgrade {
        WebSocketUpgrade(handshake) { [sockets, logger] socket in
            do {
                if isProbe, !(try await Self.probe(connection, by: socket)) {
                    return socket.close(.protocolError("no upgrade"))
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Self.receive(on: socket, connection, sockets) }
                    group.addTask { try await Self.send(connection, on: socket) }
                    try await group.waitForAll()
                }
            } catch {
                // A client that is gone needs no close frame.
                logger.debug("a connection of Socket.IO ended", metadata: ["cause": "\(error)"])
                socket.close(WebSocketClose(1011, "try again"))
                if !connection.isPolling { sockets.close(connection) }
            }
        }
    }

    /// Moves a polling connection to a WebSocket: the client sends `2probe`, and once it has the answer and its poll
    /// has ended, `5`.
    /// - Returns: false where it goes on polling.
    private static func probe(_ connection: EngineIOConnection, by socket: WebSocket) async throws -> Bool {
        guard connection.beginProbe(by: socket) else { return false }
        do {
            guard try await packet(on: socket) == EngineIOPacket(.ping, "probe") else {
                connection.cancelProbe()
                return false
            }
            try await socket.send(WebSocketPayload(text: EngineIOPacket(.pong, "probe").text))
            connection.answerProbe()
            guard try await packet(on: socket)?.kind == .upgrade else {
                connection.cancelProbe()
                return false
            }
        } catch {
            connection.cancelProbe()
            throw error
        }
        return connection.completeProbe()
    }

    private static func receive(
        on socket: WebSocket, _ connection: EngineIOConnection, _ sockets: SocketIOService
    ) async throws {
        while !connection.isClosed, let message = try await socket.receive() {
            guard case .text(let text) = message, let packet = EngineIOPacket(text: text) else {
                sockets.refuse(connection)
                break
            }
            await sockets.receive(packet, on: connection)
        }
        sockets.close(connection)
    }

    private static func send(_ connection: EngineIOConnection, on socket: WebSocket) async throws {
        while let packets = await connection.next() {
            try await socket.send(packets.map { WebSocketPayload(text: $0.text) })
        }
        socket.close(connection.webSocketClose)
    }

    /// The next packet; nil for what is none, and at the end.
    private static func packet(on socket: WebSocket) async throws -> EngineIOPacket? {
        guard case .text(let text)? = try await socket.receive() else { return nil }
        return EngineIOPacket(text: text)
    }
}
