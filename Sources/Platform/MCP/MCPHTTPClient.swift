package import Base
import NIOCore
package import Outbound
import Synchronization

/// A server that is reached by Streamable HTTP, with or without a handshake: it is asked for its versions first.
///
/// A session that the server has ended is begun anew once. Streams that break are not resumed.
package final class MCPHTTPClient: MCPClient {
    private enum Connection: Sendable, Equatable {
        case withoutHandshake
        /// - Parameter session: nil where the server has none.
        case handshake(MCPVersion, session: String?)
        /// Before it is known.
        case none

        var version: MCPVersion? {
            switch self {
            case .withoutHandshake: .july2026
            case .handshake(let version, _): version
            case .none: nil
            }
        }
    }

    private struct State {
        var connection: Connection?
        var lastID: Int64 = 0
    }

    private struct Reply: Sendable {
        let status: Int
        let session: String?
        /// Nil without a body of the protocol.
        let answer: MCPAnswer?

        var isSuccess: Bool { (200..<300).contains(status) }
    }

    private let url: UserURL
    private let headers: [(name: String, value: String)]
    private let client: UserURLClient
    private let limits: MCPLimits
    private let state = Mutex(State())

    private static let sessionBytesMax = 1_024
    /// Requests of the server that are answered while it works on one.
    private static let requestsMax = 8
    private static let sessionField = "Mcp-Session-Id"

    /// - Parameter headers: sent with every request, such as a credential. Those of the protocol precede them.
    package init(
        url: UserURL, headers: [(name: String, value: String)] = [], client: UserURLClient,
        limits: MCPLimits = MCPLimits()
    ) {
        self.url = url
        self.headers = headers
        self.client = client
        self.limits = limits
    }

    package func tools() async throws(MCPError) -> [MCPTool] {
        try await collectTools(limits) { call async throws(MCPError) in try await send(call) }
    }

    package func call(_ tool: MCPTool, arguments: JSONValue) async throws(MCPError) -> MCPToolResult {
        try await toolResult(tool, arguments, limits) { call async throws(MCPError) in try await send(call) }
    }

    package func close() async {
        let connection = state.withLock { state in
            defer { state.connection = nil }
            return state.connection
        }
        guard case .handshake(_, .some)? = connection, let connection else { return }
        let request = request("DELETE", fields: fields(of: connection), body: nil, timeout: limits.setupTimeout)
        // A server need not end sessions at the request of a client.
        _ = try? await client.send(request)
    }

    // MARK: Requests

    private func send(_ call: MCPCall) async throws(MCPError) -> JSONValue {
        let known = state.withLock(\.connection)
        let connection: Connection
        if let known { connection = known } else { connection = try await connect() }
        let reply = try await post(call, in: connection)
        // The server has ended the session, and done nothing.
        if case .handshake(_, .some) = connection, reply.status == 404 {
            state.withLock { if $0.connection == connection { $0.connection = nil } }
            return try result(of: try await post(call, in: try await connect()))
        }
        return try result(of: reply)
    }

    private func connect() async throws(MCPError) -> Connection {
        let connection: Connection
        if try await isWithoutHandshake() {
            connection = .withoutHandshake
        } else {
            let reply = try await post(.initialize(limits), in: .none)
            let version = try MCPHandshake.version(try result(of: reply))
            connection = .handshake(version, session: try Self.checked(reply.session))
            let initialized = try await deliver(
                .notification(method: "notifications/initialized", params: nil), fields: fields(of: connection),
                timeout: limits.setupTimeout)
            guard initialized.isSuccess else { throw Self.refusal(initialized.status) }
        }
        state.withLock { $0.connection = connection }
        return connection
    }

    /// Asks for the versions of the server. Any answer but one of a server without a handshake is that of an older one.
    private func isWithoutHandshake() async throws(MCPError) -> Bool {
        let reply: Reply
        do throws(MCPError) {
            reply = try await post(
                MCPCall(method: "server/discover", timeout: limits.setupTimeout), in: .withoutHandshake)
        } catch {
            guard error.kind == .malformed else { throw error }
            return false
        }
        guard ![401, 403].contains(reply.status) else { throw Self.refusal(reply.status) }
        switch reply.answer {
        case .result(let result)?: return MCPHandshake.isWithoutHandshake(result)
        case .error(let code, let message, let data)? where MCPErrorCode.modern.contains(code):
            let supported = data?["supported"]?.array?.compactMap(\.string).compactMap(MCPVersion.init) ?? []
            guard supported.contains(where: \.hasHandshake) else { throw .refused(code, message) }
            return false
        case .error?, nil: return false
        }
    }

    private func post(_ call: MCPCall, in connection: Connection) async throws(MCPError) -> Reply {
        let id = state.withLock { state in
            state.lastID += 1
            return JSONValue.integer(state.lastID)
        }
        var fields = fields(of: connection)
        if connection == .withoutHandshake {
            fields.append((name: "Mcp-Method", value: call.method))
            if let tool = call.tool {
                fields.append((name: "Mcp-Name", value: MCPHeaderText.encoded(tool.name)))
                fields += tool.headerFields(for: call.params["arguments"] ?? [:])
            }
        }
        let params = call.params(for: connection.version ?? .newestWithHandshake)
        return try await deliver(
            .request(id: id, method: call.method, params: params), fields: fields, timeout: call.timeout,
            in: connection)
    }

    private func fields(of connection: Connection) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        if let version = connection.version { fields.append((name: "MCP-Protocol-Version", value: version.rawValue)) }
        if case .handshake(_, let session?) = connection {
            fields.append((name: Self.sessionField, value: session))
        }
        return fields
    }

    private func request(
        _ method: String, fields: [(name: String, value: String)], body: [UInt8]?, timeout: Duration
    ) -> UserURLRequest {
        let own: [(name: String, value: String)] = [
            ("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json"),
            ("User-Agent", "Gatehouse"),
        ]
        let names = Set((own + fields).map { $0.name.lowercased() })
        return UserURLRequest(
            method, url, headers: own + fields + headers.filter { !names.contains($0.name.lowercased()) }, body: body,
            timeout: timeout)
    }

    /// Sends a message, and reads the answer to it.
    /// - Parameter connection: in which requests of the server are answered meanwhile; nil where none are.
    private func deliver(
        _ message: MCPMessage, fields: [(name: String, value: String)], timeout: Duration,
        in connection: Connection? = nil
    ) async throws(MCPError) -> Reply {
        var id = JSONValue.null
        if case .request(let own, _, _) = message { id = own }
        let request = request("POST", fields: fields, body: message.bytes, timeout: timeout)
        let result: Result<Reply, MCPError>
        do {
            result = try await client.open(request) { [self, id] stream in
                try await read(stream, answerTo: id, in: connection)
            }
        } catch {
            throw MCPError(error)
        }
        return try result.get()
    }

    private func read(_ stream: OutboundStream, answerTo id: JSONValue, in connection: Connection?) async throws
        -> Result<Reply, MCPError>
    {
        let mediaType = stream.headers.first { $0.name.lowercased() == "content-type" }?.value
            .prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        let session = stream.headers.first { $0.name.lowercased() == Self.sessionField.lowercased() }?.value
        var reader = MCPBodyReader(id: id, mediaType: mediaType ?? "", limits: limits)
        var fault: MCPError?
        var answered = 0
        // A notification has no answer.
        if id != .null {
            try await stream.read { chunk in
                do throws(MCPError) { try reader.read(chunk.readableBytesView) } catch {
                    fault = error
                    return false
                }
                for request in reader.takeRequests() where answered < Self.requestsMax {
                    answered += 1
                    if let connection { await answer(request.id, request.method, in: connection) }
                }
                return !reader.isComplete
            }
            if fault == nil {
                do throws(MCPError) {
                    try reader.finish(isSuccess: (200..<300).contains(stream.status))
                } catch { fault = error }
            }
        }
        if let fault { return .failure(fault) }
        return .success(Reply(status: stream.status, session: session, answer: reader.answer))
    }

    /// Answers a request of the server. This client has no capabilities: a server may only ask whether it is there.
    private func answer(_ id: JSONValue, _ method: String, in connection: Connection) async {
        let message: MCPMessage =
            method == "ping"
            ? .result(id: id, [:])
            : .error(id: id, code: MCPErrorCode.methodNotFound, message: "Method not found", data: nil)
        let request = request(
            "POST", fields: fields(of: connection), body: message.bytes, timeout: limits.setupTimeout)
        // A server that does not get it goes on without.
        _ = try? await client.send(request)
    }

    // MARK: Answers

    private func result(of reply: Reply) throws(MCPError) -> JSONValue {
        if [401, 403].contains(reply.status) { throw Self.refusal(reply.status) }
        if let answer = reply.answer { return try answer.result() }
        guard !reply.isSuccess else {
            throw .malformed("The server answers with neither JSON nor events of the protocol.")
        }
        throw Self.refusal(reply.status)
    }

    private static func refusal(_ status: Int) -> MCPError {
        switch status {
        case 401, 403: MCPError(.unauthorized, "The server does not accept the credential (status \(status)).")
        case 300..<400: MCPError(.refused, "The server redirects, which is not followed (status \(status)).")
        // It may have begun the work.
        default:
            MCPError(
                .refused, "The server answers with the status \(status).",
                isUnconfirmed: status >= 500 && status != 503)
        }
    }

    private static func checked(_ session: String?) throws(MCPError) -> String? {
        guard let session else { return nil }
        guard (1...sessionBytesMax).contains(session.utf8.count),
            session.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .malformed("The server names a session that is not 1 to \(sessionBytesMax) visible characters.") }
        return session
    }
}

extension MCPError {
    fileprivate init(_ failure: UserURLFailure) {
        let kind: Kind =
            switch failure {
            case .notAllowed: .notAllowed
            case .unknownHost, .overloaded, .failed(.unreachable): .unreachable
            case .badRedirect: .refused
            case .failed(.timedOut): .timedOut
            case .failed(.tooLarge): .tooLarge
            case .failed(.cancelled): .cancelled
            case .failed(.broken): .ended
            }
        self.init(kind, failure.description, isUnconfirmed: failure.isUnconfirmed)
    }
}
