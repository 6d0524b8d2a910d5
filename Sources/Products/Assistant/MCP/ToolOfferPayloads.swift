import Models
import Modules

/// Which tools of the organisation's servers a model may call by itself in an answer of a session.
struct AssistantToolOffer: Payload {
    /// Names of running servers; by default all.
    var enabledServers: [String]?
    /// Names of their tools; by default all.
    var enabledTools: [String]?
    /// Names of servers: of tools with one name, that of the first of them is offered, and else that of the server with
    /// the highest priority.
    var priority: [String]?
    /// Without effect: every call is written to the audit trail.
    var auditLog: Bool?

    static let isOpen = true
    static let rules: [String: Rule] = [
        "enabled_servers": .items(upTo: 100), "enabled_tools": .items(upTo: ClientTool.countMax),
        "priority": .items(upTo: 100),
    ]
}

/// A call that a model has asked for, and that waits for a person's consent.
struct AssistantToolApproval: Codable, Sendable {
    var executionId: ID<ToolExecution>
    var server: String
    var tool: String
    var arguments: JSONValue

    init(_ call: ServerToolCall) {
        executionId = call.id
        server = call.tool.server
        tool = call.tool.name
        arguments = call.call.object ?? [:]
    }

    var json: JSONValue {
        [
            "execution_id": .string(executionId.text), "server": .string(server), "tool": .string(tool),
            "arguments": arguments,
        ]
    }
}
