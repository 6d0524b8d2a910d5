import MCP
import Modules
import Outbound

/// A server that a member adds. Processes are declared by the operator alone.
struct NewMCPServer: Payload {
    /// Letters, digits, hyphens and underscores.
    var name: String
    /// Of a server that is reached by Streamable HTTP: `https://…`
    var url: String?
    /// Header fields of every request to it, such as `Authorization`. They are stored encrypted, and not shown again.
    var headers: [String: String]?
    /// Of tools with one name, that of the server with the highest priority is used; 0 by default.
    var priority: Int64?
    /// Which calls need a person's consent; by default those of tools that do not say that they only read.
    var approval: MCPServer.Approval?
    /// Whether it is started at once; true by default.
    var enabled: Bool?
    /// Refused: processes are declared by the operator.
    var command: String?
    var args: [String]?
    var env: [String: String]?

    static let rules: [String: Rule] = [
        "name": .length(1...64), "url": .length(1...UserURL.bytesMax),
        "priority": .range(MCPServer.priorities), "command": .length(0...1_000), "args": .items(upTo: 100),
    ]
}

struct MCPServerView: Payload {
    var name: String
    var kind: MCPServer.Kind
    var url: String?
    var status: MCPServer.Status
    /// Always nil: each node may have a process of its own.
    var pid: Int64?
    var startedAt: Instant?
    /// Why the last start has failed.
    var error: String?
    var priority: Int64
    var approval: MCPServer.Approval
    var createdAt: Instant?

    init(_ server: MCPServer) {
        name = server.name
        kind = server.kind
        url = server.url?.description
        status = server.status
        startedAt = server.startedAt
        error = server.error
        priority = server.priority
        approval = server.approval
        createdAt = server.createdAt
    }

    /// A process that the organisation has not started yet.
    init(_ entry: MCPServerFile.Entry) {
        name = entry.name
        kind = .stdio
        status = .stopped
        priority = entry.priority
        approval = entry.approval
    }
}

struct MCPDiscoveryView: Codable, Sendable {
    /// Whether the operator has declared servers.
    var enabled: Bool
    /// In seconds; 0, because the file is read at the start alone.
    var scanInterval: Int64
}

struct MCPConfigurationView: Payload {
    var servers: [MCPServerView]
    var discovery: MCPDiscoveryView
    /// Whether calls are written to the audit trail: always.
    var audit: Bool
}

struct MCPToolView: Payload {
    var server: String
    var name: String
    var title: String?
    var description: String
    /// A JSON Schema.
    var inputSchema: JSONValue
    /// Whether the server says that it changes nothing.
    var isReadOnly: Bool
    /// Whether a call needs a person's consent.
    var dangerous: Bool

    init(_ found: MCPServerTool) {
        server = found.server.name
        name = found.tool.name
        title = found.tool.title
        description = found.tool.description
        inputSchema = found.tool.inputSchema
        isReadOnly = found.tool.isReadOnly
        dangerous = found.needsApproval
    }
}

struct MCPToolList: Payload {
    var tools: [MCPToolView]

    var listTotal: Int64? { Int64(tools.count) }
}
