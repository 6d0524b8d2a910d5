package import Base

/// A message of JSON-RPC 2.0, as MCP uses it.
package enum MCPMessage: Sendable, Hashable {
    /// - Parameter id: a text or a whole number.
    case request(id: JSONValue, method: String, params: JSONValue?)
    case notification(method: String, params: JSONValue?)
    case result(id: JSONValue, JSONValue)
    /// - Parameter id: nil where the request could not be read.
    case error(id: JSONValue?, code: Int64, message: String, data: JSONValue?)

    /// - Throws: ``MCPError`` of the kind `malformed`.
    package init(parsing bytes: some Sequence<UInt8>) throws(MCPError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw .malformed("The server sends what is not JSON: \(error).")
        }
        guard let message = MCPMessage(value) else {
            throw .malformed("The server sends JSON that is no message of JSON-RPC 2.0.")
        }
        self = message
    }

    /// - Returns: nil for a value that is no message.
    package init?(_ value: JSONValue) {
        guard value["jsonrpc"] == "2.0" else { return nil }
        let id = value["id"].flatMap { $0.string != nil || $0.integer != nil ? $0 : nil }
        let params = value["params"]
        guard params == nil || params?.object != nil || params?.array != nil else { return nil }
        if let method = value["method"]?.string {
            guard value["id"] == nil || id != nil else { return nil }
            self =
                id.map { .request(id: $0, method: method, params: params) }
                ?? .notification(method: method, params: params)
        } else if let error = value["error"] {
            guard let code = error["code"]?.integer, let message = error["message"]?.string else { return nil }
            self = .error(id: id, code: code, message: message, data: error["data"])
        } else if let id, let result = value["result"] {
            self = .result(id: id, result)
        } else {
            return nil
        }
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = ["jsonrpc": "2.0"]
        switch self {
        case .request(let id, let method, let params):
            (members["id"], members["method"], members["params"]) = (id, .string(method), params)
        case .notification(let method, let params): (members["method"], members["params"]) = (.string(method), params)
        case .result(let id, let result): (members["id"], members["result"]) = (id, result)
        case .error(let id, let code, let message, let data):
            var error: [String: JSONValue] = ["code": .integer(code), "message": .string(message)]
            error["data"] = data
            (members["id"], members["error"]) = (id ?? .null, .object(error))
        }
        return .object(members)
    }

    /// As JSON on one line.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(json: json)
        return bytes
    }
}

/// The answer to a request.
enum MCPAnswer: Sendable {
    case result(JSONValue)
    case error(code: Int64, message: String, data: JSONValue?)

    /// - Throws: ``MCPError`` of the kind `refused`; `malformed` for a result that is no object, or one that asks for
    ///   input, which is not given.
    func result() throws(MCPError) -> JSONValue {
        switch self {
        case .error(let code, let message, _): throw .refused(code, message)
        case .result(let result):
            guard result.object != nil else { throw .malformed("The result of the server is no object.") }
            switch result["resultType"]?.string {
            case nil, "complete"?: return result
            case "input_required"?:
                throw MCPError(.refused, "The server asks for further input, which is not supported.")
            case let type?: throw .malformed("The server answers with the unknown type \(MCPError.quoted(type)).")
            }
        }
    }
}
