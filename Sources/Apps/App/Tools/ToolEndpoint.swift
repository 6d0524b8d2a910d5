import HTTPTypes
import Identity
import MCP
import Modules

/// This server's own endpoint of the Model Context Protocol (Streamable HTTP), whose tools are routes (`Route.asTool`).
/// It has no sessions: each request is answered by itself, with JSON, in the versions with and without a handshake.
struct ToolEndpoint: Sendable {
    private let tools: OnDemand<[RouteTool]>
    private let member: Member
    private let version: String

    /// Of the whole endpoint; each tool has those of its route.
    private static let versions = MCPVersion.allCases.reversed()

    init(of routes: [Route], member: Member, version: String) {
        tools = OnDemand {
            let tools = routes.compactMap { RouteTool($0) }.sorted { $0.name < $1.name }
            precondition(Set(tools.map(\.name)).count == tools.count, "two routes are the same tool")
            return tools
        }
        self.member = member
        self.version = version
    }

    var route: Route {
        .post(
            "mcp", "Call the products as tools, by the Model Context Protocol", requires: member.allowing(.tools),
            .originalRequest(.mcpProtocolVersion), problems: [.notFound]
        ) { (message: ToolMessage, _, request) in try await answer(message, request) }
        .answeringProblems(as: .toolMessage)
    }

    private func answer(_ message: ToolMessage, _ request: Request) async throws(Problem) -> ToolAnswer {
        guard let parsed = MCPMessage(message.json) else {
            throw Problem(
                .invalidRequest, detail: "The body is no message of JSON-RPC 2.0.",
                members: ToolProblem.members(MCPErrorCode.invalidRequest))
        }
        guard case .request(let id, let method, let params) = parsed else { return .accepted }
        let version = try version(of: request, id, method, params)
        switch method {
        case "initialize" where version.hasHandshake: return .result(id, initialized(params))
        case "ping" where version.hasHandshake: return .result(id, [:])
        case "server/discover" where !version.hasHandshake: return .result(id, complete(discovered))
        case "tools/list":
            let listed: [String: JSONValue] = ["tools": .array(tools.value.map(\.definition))]
            // The list is the same until the next version of the program.
            return .result(
                id,
                version.hasHandshake
                    ? .object(listed) : complete(listed.merging(["ttlMs": 300_000, "cacheScope": "public"]) { $1 }))
        case "tools/call":
            guard let name = params?["name"]?.string, let tool = tools.value.first(where: { $0.name == name }) else {
                return .error(id, MCPErrorCode.invalidParams, "There is no such tool.")
            }
            guard let arguments = (params?["arguments"] ?? [:]).object else {
                return .error(id, MCPErrorCode.invalidParams, "The arguments are no object.")
            }
            let result = try await tool.call(arguments, by: request)
            return .result(id, version.hasHandshake ? result : complete(result.object ?? [:]))
        default:
            guard version.hasHandshake else {
                throw Problem(
                    .notFound, detail: "Method not found",
                    members: ToolProblem.members(MCPErrorCode.methodNotFound, id: id))
            }
            return .error(id, MCPErrorCode.methodNotFound, "Method not found")
        }
    }

    // MARK: Versions

    /// The version of a request. One without a handshake says it in its body, and repeats parts of the body in header
    /// fields, which are compared.
    /// - Throws: `invalid-request`.
    private func version(
        of request: Request, _ id: JSONValue, _ method: String, _ params: JSONValue?
    ) throws(Problem) -> MCPVersion {
        let field = request.headers[.mcpProtocolVersion]
        guard let named = params?["_meta"]?[MCPMeta.protocolVersion]?.string else {
            guard let field else { return .march2025 }
            guard let version = MCPVersion(rawValue: field) else { throw unsupported(field, id) }
            guard version.hasHandshake else { throw mismatch("the body lacks \(MCPMeta.protocolVersion)", id) }
            return version
        }
        guard field == named else { throw mismatch("MCP-Protocol-Version is not that of the body", id) }
        guard let version = MCPVersion(rawValue: named), !version.hasHandshake else { throw unsupported(named, id) }
        guard request.headers[.mcpMethod] == method else { throw mismatch("Mcp-Method is not that of the body", id) }
        if method == "tools/call" {
            let name = request.headers[.mcpName].flatMap(MCPHeaderText.decoded)
            guard name != nil, name == params?["name"]?.string else {
                throw mismatch("Mcp-Name is not that of the body", id)
            }
        }
        return version
    }

    private func mismatch(_ text: String, _ id: JSONValue) -> Problem {
        Problem(
            .invalidRequest, detail: "Header mismatch: \(text)",
            members: ToolProblem.members(MCPErrorCode.headerMismatch, id: id))
    }

    private func unsupported(_ version: String, _ id: JSONValue) -> Problem {
        Problem(
            .invalidRequest, detail: "Unsupported protocol version",
            members: ToolProblem.members(
                MCPErrorCode.unsupportedVersion, id: id,
                data: [
                    "supported": .array(Self.versions.map { .string($0.rawValue) }),
                    "requested": .string(String(version.prefix(100))),
                ]))
    }

    // MARK: Results

    private var serverInfo: JSONValue { ["name": "gatehouse", "version": .string(version)] }
    private static let capabilities: JSONValue = ["tools": ["listChanged": false]]

    /// The version that the client asks for, or the newest one with a handshake.
    private func initialized(_ params: JSONValue?) -> JSONValue {
        let wanted = params?["protocolVersion"]?.string.flatMap { MCPVersion(rawValue: $0) }
        let agreed = wanted.flatMap { $0.hasHandshake ? $0 : nil } ?? .newestWithHandshake
        return [
            "protocolVersion": .string(agreed.rawValue), "capabilities": Self.capabilities, "serverInfo": serverInfo,
        ]
    }

    private var discovered: [String: JSONValue] {
        [
            "supportedVersions": .array(Self.versions.map { .string($0.rawValue) }),
            "capabilities": Self.capabilities, "ttlMs": 300_000, "cacheScope": "public",
        ]
    }

    private func complete(_ members: [String: JSONValue]) -> JSONValue {
        .object(
            members.merging(["resultType": "complete", "_meta": .object([MCPMeta.serverInfo: serverInfo])]) { $1 })
    }
}

extension KeyScope {
    /// Call the products as tools. Each tool needs the scope of its own route as well.
    static let tools = KeyScope("mcp")
}

extension HTTPField.Name {
    fileprivate static let mcpProtocolVersion = constant("MCP-Protocol-Version")
    fileprivate static let mcpMethod = constant("Mcp-Method")
    fileprivate static let mcpName = constant("Mcp-Name")
}
