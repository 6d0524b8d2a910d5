import HTTPTypes
import MCP
import Modules
import NIOCore

/// A message of JSON-RPC 2.0: the body of a request to the endpoint of tools.
struct ToolMessage: Payload {
    /// `2.0`
    var jsonrpc: String?
    /// A text or a whole number; without it the message has no answer.
    var id: JSONValue?
    var method: String?
    var params: JSONValue?
    var result: JSONValue?
    var error: JSONValue?

    static let isOpen = true

    var json: JSONValue {
        var members: [String: JSONValue] = [:]
        members["jsonrpc"] = jsonrpc.map { .string($0) }
        members["id"] = id
        members["method"] = method.map { .string($0) }
        members["params"] = params
        members["result"] = result
        members["error"] = error
        return .object(members)
    }
}

/// The answer to a message: documents it.
struct ToolMessageAnswer: Payload {
    var jsonrpc: String
    var id: JSONValue?
    var result: JSONValue?
    var error: JSONValue?
}

/// What the endpoint of tools answers.
enum ToolAnswer: ResponseConvertible {
    case message(MCPMessage)
    /// A message without an answer.
    case accepted

    static func result(_ id: JSONValue, _ result: JSONValue) -> ToolAnswer { .message(.result(id: id, result)) }

    static func error(_ id: JSONValue, _ code: Int64, _ message: String) -> ToolAnswer {
        .message(.error(id: id, code: code, message: message, data: nil))
    }

    static let documented = [
        DocumentedResponse(
            200, "The answer", mediaType: "application/json", payload: ToolMessageAnswer.self),
        DocumentedResponse(202, "A message without an answer was accepted"),
    ]

    func response() -> Response {
        switch self {
        case .message(let message): Response(json: ByteBuffer(bytes: message.bytes))
        case .accepted: Response(status: .accepted)
        }
    }
}
