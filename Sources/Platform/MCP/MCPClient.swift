package import Base

/// A server of the Model Context Protocol: one that is reached by HTTP, or a process.
package protocol MCPClient: AnyObject, Sendable {
    /// All tools of the server, in its order. What is not valid, or too large, is left out; of two with one name, the
    /// first.
    func tools() async throws(MCPError) -> [MCPTool]
    /// - Parameter arguments: an object. The server checks it.
    func call(_ tool: MCPTool, arguments: JSONValue) async throws(MCPError) -> MCPToolResult
    /// Ends the session or the process. The next request begins another one.
    func close() async
}

/// A request of the protocol, whatever carries it.
struct MCPCall: Sendable {
    let method: String
    var params: [String: JSONValue] = [:]
    /// The tool that is called.
    var tool: MCPTool?
    let timeout: Duration

    static func initialize(_ limits: MCPLimits) -> MCPCall {
        MCPCall(
            method: "initialize",
            params: [
                "protocolVersion": .string(MCPVersion.newestWithHandshake.rawValue), "capabilities": [:],
                "clientInfo": clientInfo,
            ], timeout: limits.setupTimeout)
    }

    static let clientInfo: JSONValue = ["name": "gatehouse", "version": "1"]

    /// The parameters with what a request without a handshake carries.
    func params(for version: MCPVersion) -> JSONValue? {
        guard !version.hasHandshake else { return params.isEmpty ? nil : .object(params) }
        var all = params
        all["_meta"] = [
            MCPMeta.protocolVersion: .string(version.rawValue), MCPMeta.clientInfo: Self.clientInfo,
            MCPMeta.clientCapabilities: [:],
        ]
        return .object(all)
    }
}

extension MCPClient {
    /// Reads all pages of the list of tools.
    func collectTools(_ limits: MCPLimits, _ send: (MCPCall) async throws(MCPError) -> JSONValue)
        async throws(MCPError) -> [MCPTool]
    {
        var tools: [MCPTool] = []
        var names: Set<String> = []
        var cursor: String?
        for _ in 0..<limits.pages {
            let page = try await send(
                MCPCall(
                    method: "tools/list", params: cursor.map { ["cursor": .string($0)] } ?? [:],
                    timeout: limits.setupTimeout))
            guard let listed = page["tools"]?.array else { throw .malformed("The list of tools has no tools.") }
            for definition in listed {
                var bytes: [UInt8] = []
                bytes.append(json: definition)
                guard bytes.count <= limits.definitionBytes, let tool = MCPTool(definition),
                    names.insert(tool.name).inserted
                else { continue }
                guard tools.count < limits.tools else {
                    throw MCPError(.tooLarge, "The server has more than \(limits.tools) tools.")
                }
                tools.append(tool)
            }
            guard let next = page["nextCursor"]?.string else { return tools }
            guard next != cursor else { throw .malformed("A page of tools refers to itself as the next one.") }
            cursor = next
        }
        throw MCPError(.tooLarge, "The list of tools has more than \(limits.pages) pages.")
    }

    func toolResult(
        _ tool: MCPTool, _ arguments: JSONValue, _ limits: MCPLimits,
        _ send: (MCPCall) async throws(MCPError) -> JSONValue
    ) async throws(MCPError) -> MCPToolResult {
        try MCPToolResult(
            try await send(
                MCPCall(
                    method: "tools/call", params: ["name": .string(tool.name), "arguments": arguments], tool: tool,
                    timeout: limits.callTimeout)))
    }
}

/// What a server says of itself in a handshake, or without one.
enum MCPHandshake {
    /// The version of the answer to `initialize`.
    static func version(_ result: JSONValue) throws(MCPError) -> MCPVersion {
        guard let text = result["protocolVersion"]?.string else {
            throw .malformed("The server answers initialize without a version of the protocol.")
        }
        guard let version = MCPVersion(rawValue: text), version.hasHandshake else {
            throw .malformed("The server has the version \(MCPError.quoted(text)), which is not supported.")
        }
        return version
    }

    /// Whether the answer to `server/discover` lists a version without a handshake.
    static func isWithoutHandshake(_ result: JSONValue) -> Bool {
        result["supportedVersions"]?.array?.contains(.string(MCPVersion.july2026.rawValue)) ?? false
    }
}
