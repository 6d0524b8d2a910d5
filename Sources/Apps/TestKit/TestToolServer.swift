package import Base
import Synchronization

/// A server of the Model Context Protocol on a port of this machine, with two tools: `echo`, which says that it only
/// reads, and `remove`, which says nothing.
package final class TestToolServer: Sendable {
    package enum Era: Sendable, CaseIterable {
        /// 2025-11-25, with sessions; answers are streams of events.
        case handshake
        /// 2026-07-28; answers are JSON.
        case withoutHandshake
    }

    private struct State {
        /// Sessions that the server knows.
        var sessions: Set<String> = []
        var sessionCount = 0
        var result: JSONValue?
        var latch: Latch?
    }

    private let era: Era
    private let receiver: WebhookReceiver
    private let state = Mutex(State())

    private init(_ era: Era, _ receiver: WebhookReceiver) {
        self.era = era
        self.receiver = receiver
    }

    package var url: String { receiver.url }
    /// The messages that arrived, in their order.
    package var messages: [WebhookReceiver.Message] { receiver.messages }
    /// The parameters of the calls of tools.
    package var calls: [JSONValue] {
        messages.filter { $0.json["method"] == "tools/call" }.compactMap { $0.json["params"] }
    }

    /// Ends all sessions, as a restart does.
    package func endSessions() { state.withLock { $0.sessions = [] } }

    /// Sets what tools answer; by default a text with the arguments.
    package func answer(_ result: JSONValue) { state.withLock { $0.result = result } }

    /// Answers calls of tools when the latch is open.
    package func hold(_ latch: Latch) { state.withLock { $0.latch = latch } }

    package static let tools: [JSONValue] = [
        [
            "name": "echo", "description": "Repeats its text.",
            "inputSchema": [
                "type": "object", "required": ["text"],
                "properties": ["text": ["type": "string", "x-mcp-header": "Text"]],
            ],
            "annotations": ["readOnlyHint": true],
        ],
        ["name": "remove", "description": "Removes something.", "inputSchema": ["type": "object"]],
    ]

    /// Runs `body` with a server, which is stopped afterwards.
    package static func with(_ era: Era = .withoutHandshake, _ body: (TestToolServer) async throws -> Void) async throws
    {
        try await WebhookReceiver.with { receiver in
            let server = TestToolServer(era, receiver)
            receiver.answer { [server] message in
                if message.json["method"] == "tools/call", let latch = server.state.withLock({ $0.latch }) {
                    await latch.wait()
                }
                return server.respond(to: message)
            }
            try await body(server)
        }
    }

    private func respond(to message: WebhookReceiver.Message) -> WebhookReceiver.PreparedResponse {
        let session = message.headers["mcp-session-id"]
        guard let method = message.json["method"]?.string, let id = message.json["id"] else {
            if message.json == .null, let session { state.withLock { _ = $0.sessions.remove(session) } }
            return .init(202)
        }
        switch era {
        case .withoutHandshake:
            guard message.headers["mcp-protocol-version"] == "2026-07-28", message.headers["mcp-method"] == method,
                message.json["params"]?["_meta"]?["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
            else { return json(400, ["jsonrpc": "2.0", "id": id, "error": ["code": -32_020, "message": "Mismatch"]]) }
            guard var result = result(method, message.json["params"])?.object else {
                return json(404, ["jsonrpc": "2.0", "id": id, "error": ["code": -32_601, "message": "Not found"]])
            }
            result["resultType"] = "complete"
            return json(200, ["jsonrpc": "2.0", "id": id, "result": .object(result)])
        case .handshake:
            if method == "initialize" {
                let name = state.withLock { state in
                    state.sessionCount += 1
                    state.sessions.insert("session-\(state.sessionCount)")
                    return "session-\(state.sessionCount)"
                }
                return events(
                    ["jsonrpc": "2.0", "id": id, "result": initialized], headers: ["Mcp-Session-Id": name])
            }
            let isKnown = session.map { name in state.withLock { $0.sessions.contains(name) } }
            guard isKnown == true else {
                return json(
                    isKnown == nil ? 400 : 404,
                    ["jsonrpc": "2.0", "id": "server-error", "error": ["code": -32_600, "message": "No session"]])
            }
            guard let result = result(method, message.json["params"]) else {
                return events(["jsonrpc": "2.0", "id": id, "error": ["code": -32_601, "message": "Not found"]])
            }
            return events(["jsonrpc": "2.0", "id": id, "result": result])
        }
    }

    private var initialized: JSONValue {
        [
            "protocolVersion": "2025-11-25", "capabilities": ["tools": [:]],
            "serverInfo": ["name": "test", "version": "1"],
        ]
    }

    /// The list has a page for each tool.
    private func result(_ method: String, _ params: JSONValue?) -> JSONValue? {
        switch method {
        case "server/discover" where era == .withoutHandshake:
            return ["supportedVersions": ["2026-07-28"], "capabilities": ["tools": [:]]]
        case "tools/list":
            return params?["cursor"] == "second"
                ? ["tools": [Self.tools[1]]] : ["tools": [Self.tools[0]], "nextCursor": "second"]
        case "tools/call":
            if let result = state.withLock(\.result) { return result }
            let arguments = params?["arguments"] ?? [:]
            return ["content": [["type": "text", "text": .string(arguments["text"]?.string ?? "done")]]]
        default: return nil
        }
    }

    private func json(_ status: Int, _ value: JSONValue) -> WebhookReceiver.PreparedResponse {
        .init(status, headers: ["Content-Type": "application/json"], body: Self.text(value))
    }

    /// A notification, an event without data, and the message.
    private func events(_ value: JSONValue, headers: [String: String] = [:]) -> WebhookReceiver.PreparedResponse {
        let notification: JSONValue = ["jsonrpc": "2.0", "method": "notifications/message", "params": [:]]
        return .init(
            200, headers: headers.merging(["Content-Type": "text/event-stream"]) { $1 },
            body: "id: 1\ndata:\n\ndata: \(Self.text(notification))\n\nevent: message\ndata: \(Self.text(value))\n\n")
    }

    private static func text(_ value: JSONValue) -> String {
        var bytes: [UInt8] = []
        bytes.append(json: value)
        return String(decoding: bytes, as: UTF8.self)
    }
}
