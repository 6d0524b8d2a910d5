import MCP
import Modules

extension Problem.Kind {
    static let mcpServerNotFound = Self("mcp-server-not-found", "There is no such server", status: 404)
    static let mcpServerExists = Self("mcp-server-exists", "There is a server of this name already", status: 409)
    static let mcpServerStopped = Self("mcp-server-stopped", "The server is not running", status: 409)
    static let mcpToolNotFound = Self("mcp-tool-not-found", "There is no such tool", status: 404)
    static let mcpServerFailed = Self("mcp-server-failed", "The server did not do what it was asked for", status: 502)
    static let toolApprovalRequired = Self("tool-approval-required", "The call needs a person's consent", status: 409)
    static let toolExecutionNotFound = Self("tool-execution-not-found", "There is no such call of a tool", status: 404)
    static let toolChanged = Self("tool-changed", "The tool has changed since the call was asked for", status: 409)
    static let toolExecutionDecided = Self("tool-execution-decided", "The call was decided before", status: 409)
}

extension MCPError {
    /// What a person or a model is told of a call: whether to make it again depends on what it has done.
    var notice: String { isUnconfirmed ? "\(description) The tool may have run." : description }
}

extension Problem {
    /// A server has failed.
    init(_ error: MCPError) {
        var members: [String: JSONValue] = ["reason": .string(error.kind.rawValue)]
        members["rpc_code"] = error.code.map { .integer($0) }
        switch error.kind {
        case .unavailable: self = Problem.overloaded(retryAfter: 30, detail: error.notice)
        default: self.init(.mcpServerFailed, detail: error.notice, members: members)
        }
    }
}
