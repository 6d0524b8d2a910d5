import Modules
import Realtime

/// The WebSocket of a session's log: its clients read the lines, and may send the text `ping`.
struct SessionSocket: ResponseConvertible {
    private let upgrade: WebSocketUpgrade

    /// - Parameter subscription: the lines that follow now.
    init(
        _ handshake: WebSocketHandshake, of session: SandboxSession, _ subscription: Subscription, logger: Logger
    ) throws(Problem) {
        let connected = WebSocketPayload(
            text: try SessionConnected(
                message: "Connected to the log of the sandbox session", sessionId: session.key.text
            ).encoded())
        upgrade = WebSocketUpgrade(handshake, onClose: { subscription.finish() }) { socket in
            do {
                try await socket.send(connected)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Self.receive(on: socket) }
                    group.addTask { try await Self.send(subscription, on: socket) }
                    try await group.waitForAll()
                }
            } catch {
                // A client that is gone needs no close frame.
                logger.debug("the log of a session ended", metadata: ["cause": "\(error)"])
                subscription.finish()
                socket.close(WebSocketClose(1011, "try again"))
            }
        }
    }

    /// The WebSocket of a session that does not exist: it is opened and closed.
    init(unknown handshake: WebSocketHandshake) {
        upgrade = WebSocketUpgrade(
            handshake, onClose: {}, begin: { $0.close(WebSocketClose(4004, "Session not found")) })
    }

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(101, "The connection is a WebSocket from here on; 4004 closes that of an unknown session")]
    }

    func response() -> Response { Response(upgrade) }

    private static func send(_ subscription: Subscription, on socket: WebSocket) async throws {
        while let deliveries = try await subscription.next() {
            try await socket.send(deliveries.compactMap(\.dataPayload))
        }
        socket.close((subscription.end ?? .stopping).close)
    }

    /// Texts other than `ping` have no meaning and are dropped.
    private static func receive(on socket: WebSocket) async throws {
        let pong = WebSocketPayload(text: try SessionPong().encoded())
        while let message = try await socket.receive() {
            switch message {
            case .text("ping"): try await socket.send(pong)
            case .text: continue
            case .binary: return socket.close(WebSocketClose(1003, "text messages only"))
            }
        }
    }
}
