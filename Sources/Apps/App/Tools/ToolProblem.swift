import MCP
import Modules

/// A problem in the form of JSON-RPC 2.0, with the members `code` and `request_id` of other problems.
struct ToolProblem: Payload {
    var jsonrpc: String
    var id: JSONValue?
    var error: ToolProblemError
    var code: String
    var requestId: String

    static let isOpen = true

    private static let codeMember = "rpc_code"
    private static let idMember = "rpc_id"
    private static let dataMember = "rpc_data"

    /// The members of a problem that say which error of JSON-RPC it is.
    static func members(_ code: Int64, id: JSONValue? = nil, data: JSONValue? = nil) -> [String: JSONValue] {
        var members: [String: JSONValue] = [codeMember: .integer(code)]
        members[idMember] = id
        members[dataMember] = data
        return members
    }

    static func body(of problem: Problem, requestID: String) -> JSONValue {
        let own = [codeMember, idMember, dataMember]
        var error: [String: JSONValue] = [
            "code": problem.members[codeMember] ?? .integer(code(of: problem.kind)),
            "message": .string(problem.detail ?? problem.title),
        ]
        error["data"] = problem.members[dataMember]
        return .object(
            problem.members.filter { !own.contains($0.key) }.merging([
                "jsonrpc": "2.0", "id": problem.members[idMember] ?? .null, "error": .object(error),
                "code": .string(problem.kind.code), "request_id": .string(requestID),
            ]) { $1 })
    }

    /// Codes of JSON-RPC where it has them, otherwise the status: the range of the protocol is not used for more.
    private static func code(of kind: Problem.Kind) -> Int64 {
        switch kind {
        case .invalidPayload: MCPErrorCode.parseError
        case .invalidRequest, .validationFailed: MCPErrorCode.invalidRequest
        case .internalError: MCPErrorCode.internalError
        default: Int64(kind.status)
        }
    }
}

/// The member `error` of a problem.
struct ToolProblemError: Codable, Sendable {
    var code: Int64
    var message: String
    var data: JSONValue?
}

extension ProblemFormat {
    static let toolMessage = ProblemFormat(ToolProblem.self) { _ in ToolProblem.body(of:requestID:) }
}
