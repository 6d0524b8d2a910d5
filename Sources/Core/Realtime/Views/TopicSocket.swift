import Modules

/// Sends the messages of a subscription to a WebSocket, on its event loop. A task runs only while it reads from storage
/// or waits for the client: a WebSocket without messages has none, which would take more memory than its connection.
final class TopicSocket: Sendable {
    private let subscription: Subscription
    private let socket: WebSocket
    private let logger: Logger

    init(_ subscription: Subscription, _ socket: WebSocket, logger: Logger) {
        self.subscription = subscription
        self.socket = socket
        self.logger = logger
    }

    /// Sends what there is, now and whenever there is more, until one of both ends. On the event loop.
    func send() {
        while true {
            switch subscription.arrived() {
            case .payloads(let payloads):
                let count = socket.sendAtOnce(payloads)
                guard count == payloads.count else { return sendInTask(Array(payloads[count...])) }
            case .stored: return sendInTask([])
            case .nothing: return subscription.onArrival { [self] in socket.execute { self.send() } }
            case .ended: return socket.close((subscription.end ?? .stopping).close)
            }
        }
    }

    /// Sends messages that have to wait, and those that follow from storage.
    private func sendInTask(_ waiting: [WebSocketPayload]) {
        socket.run { [self] in
            do {
                try await socket.send(waiting)
                while let deliveries = try await subscription.next(within: .zero), !deliveries.isEmpty {
                    try await socket.send(deliveries.map(\.payload))
                }
                socket.execute { self.send() }
            } catch {
                // A client that is gone needs no close frame.
                logger.debug("a subscription failed", metadata: ["cause": "\(error)"])
                socket.close(WebSocketClose(1011, "try again"))
            }
        }
    }
}
