package import Identity
package import Modules

/// A client of Socket.IO that has been admitted, for the handlers of its events.
package struct SocketClient: Sendable {
    package let scope: Scope
    let connection: EngineIOConnection
    let service: SocketIOService

    /// Sends an event. It waits while the client is slower than the events.
    /// - Parameters:
    ///   - name: as that of a message of a topic.
    ///   - data: encoded as in a response.
    package func emit(_ name: String, _ data: some Payload) async throws(Problem) {
        let message = try NewMessage(name, data)
        await connection.send(.event(message.type, message.data))
    }

    /// Sends a message of a topic as an event of its type; a notice is dropped.
    package func emit(_ delivery: Delivery) async {
        guard let event = delivery.event else { return }
        await connection.send(.event(event.type, event.data))
    }

    /// Sends the messages of a topic that follow now, each as an event of its type, after the event `name`. A client
    /// that follows the topic already gets the event alone.
    /// - Throws: `not-found` for a topic that the client may not read; `overloaded` for more topics than
    ///   ``EngineIOConnection/topicsMax``.
    package func follow(_ topic: TopicName, announcedBy name: String, _ data: some Payload) async throws(Problem) {
        let announcement = try NewMessage(name, data)
        let subscription = connection.follows(topic) ? nil : try await service.subscribe(to: topic, scope)
        if let subscription { try connection.begin(subscription) }
        await connection.send(.event(announcement.type, announcement.data))
        if let subscription { service.pass(subscription, to: connection) }
    }

    /// Ends what ``follow(_:announcedBy:_:)`` began.
    package func unfollow(_ topic: TopicName) { connection.end(topic) }
}

extension EngineIOPacket {
    /// An event of Socket.IO.
    /// - Parameters:
    ///   - name: without characters that JSON escapes.
    ///   - data: JSON.
    static func event(_ name: String, _ data: String) -> EngineIOPacket {
        socket(.event, data: #"["\#(name)",\#(data)]"#)
    }

    static func socket(
        _ kind: SocketIOPacket.Kind, in namespace: String = SocketIOPacket.mainNamespace, id: Int? = nil,
        data: String? = nil
    ) -> EngineIOPacket {
        EngineIOPacket(.message, SocketIOPacket(kind, in: namespace, id: id, data: data).text)
    }
}
