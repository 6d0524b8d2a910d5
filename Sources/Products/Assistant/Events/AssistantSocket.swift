import Identity
import Modules
import NIOCore
import Realtime

/// The WebSocket of a client that follows sessions: frames with an id, a type, a time, a payload and metadata. Each
/// frame of a topic has a token with which a later connection begins behind it.
struct AssistantSocket: ResponseConvertible {
    private let upgrade: WebSocketUpgrade

    /// In seconds.
    static let heartbeatInterval = 30
    /// In seconds. Messages are kept for longer.
    static let reconnectWindow = 300
    static let sessionsMax = 16

    /// - Parameters:
    ///   - clientID: what the client calls itself.
    ///   - access: has no messages, and ends with the caller's access: the connection may follow no session.
    ///   - subscription: to the session that the request names; nil without one.
    init(
        _ handshake: WebSocketHandshake, clientID: String, follower: SessionFollower, access: Subscription,
        _ subscription: Subscription?, logger: Logger, runtime: Runtime
    ) {
        let finish = { @Sendable in
            subscription?.finish()
            access.finish()
        }
        upgrade = WebSocketUpgrade(handshake, onClose: finish) { socket in
            let connection = Connection(
                socket: socket, follower: follower, access: access, logger: logger, runtime: runtime)
            await connection.serve(clientID, subscription)
        }
    }

    static var documented: [DocumentedResponse] {
        [DocumentedResponse(101, "The connection is a WebSocket from here on")]
    }

    func response() -> Response { Response(upgrade) }

    /// A session that the connection follows.
    private struct Followed: Sendable {
        let subscription: Subscription
        private let delivery: Task<Void, any Error>

        init(_ subscription: Subscription, _ delivery: Task<Void, any Error>) {
            self.subscription = subscription
            self.delivery = delivery
        }

        /// Returns when no further frame follows.
        func finish() async {
            subscription.finish()
            _ = await delivery.result
        }
    }

    private struct Connection: Sendable {
        let socket: WebSocket
        let follower: SessionFollower
        let access: Subscription
        let logger: Logger
        let runtime: Runtime

        func serve(_ clientID: String, _ first: Subscription?) async {
            do {
                var connected: [String: JSONValue] = [
                    "action": "connected", "client_id": .string(clientID),
                    "heartbeat_interval": .integer(Int64(heartbeatInterval)),
                    "reconnect_window": .integer(Int64(reconnectWindow)),
                ]
                if let first { connected["reconnect_token"] = .string(SessionPosition(first).text) }
                try await send("control", .object(connected))
                try await receive(first)
            } catch {
                // A client that is gone needs no close frame.
                logger.debug("a WebSocket of the assistant ended", metadata: ["cause": "\(error)"])
                socket.close(WebSocketClose(1011, "try again"))
            }
        }

        /// Reads the frames of the client until it closes. What it follows ends with it.
        private func receive(_ first: Subscription?) async throws {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await beat() }
                group.addTask { try await deliver(access) }
                var followed: [ID<AssistantSession>: Followed] = [:]
                func follow(_ subscription: Subscription) {
                    let delivery = Task { try await deliver(subscription) }
                    followed[ID(trusted: subscription.topic.name.subject)] = Followed(subscription, delivery)
                    // It ends with the connection, whatever ends that.
                    group.addTask {
                        try await withTaskCancellationHandler {
                            try await delivery.value
                        } onCancel: {
                            delivery.cancel()
                        }
                    }
                }
                if let first { follow(first) }
                while let message = try await socket.receive() {
                    guard case .text(let text) = message, let frame = try? JSONValue(parsing: text.utf8) else {
                        try await refuse(
                            Problem(.invalidPayload, detail: "A frame is a JSON object in a text message."))
                        continue
                    }
                    switch (frame["type"]?.string, frame["payload"]?["action"]?.string) {
                    case ("heartbeat", _): try await send("heartbeat_ack", [:])
                    case ("heartbeat_ack", _): break
                    case ("control", "ping"): try await send("control", ["action": "pong"])
                    case ("control", "subscribe"):
                        let new: Subscription
                        do throws(Problem) {
                            let position = try SessionPosition(frame["payload"])
                            // Those of sessions that were deleted have ended.
                            followed = followed.filter { $0.value.subscription.end == nil }
                            guard followed.count < sessionsMax || followed[position.session] != nil else {
                                throw Problem(.tooManySubscriptions)
                            }
                            new = try await follower.open(position)
                        } catch {
                            try await refuse(error)
                            continue
                        }
                        let position = SessionPosition(new)
                        await followed.removeValue(forKey: position.session)?.finish()
                        try await send(
                            "control",
                            [
                                "action": "subscribed", "session_id": .string(position.session.text),
                                "reconnect_token": .string(position.text),
                            ])
                        follow(new)
                    case ("control", "unsubscribe"):
                        let session = ID<AssistantSession>(frame["payload"]?["session_id"]?.string ?? "")
                        if let session { await followed.removeValue(forKey: session)?.finish() }
                        try await send("control", ["action": "unsubscribed"])
                    default:
                        try await refuse(
                            Problem(
                                .invalidRequest,
                                detail: "Send heartbeat, heartbeat_ack, or control with ping, subscribe or unsubscribe."
                            ))
                    }
                }
                for followed in followed.values { followed.subscription.finish() }
                access.finish()
                group.cancelAll()
            }
        }

        private func beat() async throws {
            while (try? await Task.sleep(for: .seconds(heartbeatInterval))) != nil {
                try await send("heartbeat", [:])
            }
        }

        private func deliver(_ subscription: Subscription) async throws {
            let session = subscription.topic.name.subject
            while let deliveries = try await subscription.next() {
                for delivery in deliveries {
                    if case .disconnected? = subscription.end { return }
                    // Without an event it is a notice: of messages that are no longer kept, or of a slow reader.
                    let type = delivery.event?.type ?? "control"
                    let payload = delivery.event.map { Array($0.data.utf8) } ?? Array(delivery.json.readableBytesView)
                    var metadata: [String: JSONValue] = ["session_id": .string(session)]
                    if let sequence = delivery.sequence {
                        metadata["seq"] = .integer(sequence)
                        metadata["reconnect_token"] = .string("\(session).\(sequence)")
                    }
                    try await send(type, (try? JSONValue(parsing: payload)) ?? .null, metadata)
                }
            }
            switch subscription.end {
            // By the client, or together with the connection.
            case .disconnected?, nil: break
            case .topicRemoved?:
                try await send("control", ["action": "removed", "session_id": .string(session)])
            case .some(let end): socket.close(end.close)
            }
        }

        private func refuse(_ problem: Problem) async throws {
            try await send(
                "error",
                [
                    "code": .string(problem.kind.code), "status": .integer(Int64(problem.kind.status)),
                    "message": .string(problem.detail ?? problem.title),
                ])
        }

        private func send(_ type: String, _ payload: JSONValue, _ metadata: [String: JSONValue] = [:]) async throws {
            let id: ID<AssistantSocketFrame> = runtime.id()
            var json: [UInt8] = []
            json.append(
                json: [
                    "id": .string(id.text), "type": .string(type), "timestamp": .string("\(runtime.now())"),
                    "payload": payload, "metadata": .object(metadata),
                ])
            try await socket.send(WebSocketPayload(text: String(decoding: json, as: UTF8.self)))
        }
    }
}

/// What the ids of frames are of.
enum AssistantSocketFrame {}

/// A place in the topic of a session, behind which a client wants to read.
struct SessionPosition: Sendable {
    let session: ID<AssistantSession>
    /// Nil for the messages to come.
    let after: Int64?

    /// Where a subscription is.
    init(_ subscription: Subscription) {
        session = ID(trusted: subscription.topic.name.subject)
        after = subscription.position
    }

    /// - Parameters:
    ///   - session: nil where the token names it.
    ///   - token: nil, or the text of a position. Who reads is decided by the credential alone.
    /// - Throws: `validation-failed`.
    init(_ session: String?, token: String?) throws(Problem) {
        guard let token else {
            guard let session, let id = ID<AssistantSession>(session) else {
                throw Problem.invalid("/session_id", "must be the id of a session")
            }
            self.session = id
            after = nil
            return
        }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = ID<AssistantSession>(String(parts[0])), let sequence = Int64(parts[1]),
            sequence >= 0, session == nil || session == id.text
        else { throw Problem.invalid("/reconnect_token", "must be a token of this session") }
        self.session = id
        after = sequence
    }

    /// Of a frame: its members `session_id` and `reconnect_token`.
    init(_ payload: JSONValue?) throws(Problem) {
        try self.init(payload?["session_id"]?.string, token: payload?["reconnect_token"]?.string)
    }

    var text: String { "\(session).\(after ?? 0)" }
}

/// Opens what one caller follows.
struct SessionFollower: Sendable {
    let subscriptions: SubscriptionService
    let scope: Scope

    /// - Throws: `not-found` for a session of another person; as ``SubscriptionService/open(_:scope:after:pointer:)``.
    func open(_ position: SessionPosition) async throws(Problem) -> Subscription {
        try await subscriptions.open(
            SessionEvents.topic(of: position.session, in: scope.organisation).name.text, scope: scope,
            after: position.after, pointer: "/reconnect_token")
    }
}
