package import Base
package import HTTPTypes

/// The request itself, for a handler that runs other routes for its caller.
package struct OriginalRequest: Requirement {
    /// Documents the one header field that the handler needs.
    let header: HTTPField.Name
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [] }
    package var summary: RequirementSummary {
        RequirementSummary(.header, header.rawName, schema: .string(maxLength: 255), isRequired: false)
    }

    package func check(_ request: Request) -> Request { request }
}

extension Requirement {
    /// - Parameter header: the field that the documents list.
    package static func originalRequest(_ header: HTTPField.Name) -> Self where Self == OriginalRequest {
        OriginalRequest(header: header)
    }
}

extension Request {
    /// A request of the same caller for another route, which is answered by ``Route/respond(_:)``: all steps of that
    /// route run.
    /// - Parameters:
    ///   - parameters: the values of the `{names}` in the route's path.
    ///   - query: by name.
    ///   - added: fields besides those of the caller's credential and organisation.
    ///   - json: the body; nil for none.
    /// - Throws: `invalid-request` for a value that the path does not have.
    package func subrequest(
        of route: Route, parameters: [String: String], query: [String: String], headers added: HTTPFields = [:],
        json: [UInt8]?
    ) throws(Problem) -> Request {
        var path = route.path
        for (name, value) in parameters { path = path.replacing("{\(name)}", with: Self.escaped(value)) }
        let text = query.map { "\(Self.escaped($0.key))=\(Self.escaped($0.value))" }.joined(separator: "&")
        var fields = headers.filter { !Self.ownFields.contains($0.name) }
        for field in added { fields[field.name] = field.value }
        if json != nil { fields[.contentType] = "application/json" }
        return Request(
            method: route.method, path: path, parameters: parameters, query: try Query(text), headers: fields,
            body: json.map { RequestBody(bytes: $0) } ?? .empty, requestID: requestID, address: address,
            received: received)
    }

    /// Fields that are about a request's own body and response.
    private static let ownFields: Set<HTTPField.Name> = [
        .contentType, .contentLength, .contentEncoding, .transferEncoding, .accept, .range, .ifMatch, .ifNoneMatch,
        .ifModifiedSince, .ifRange, .prefer, .idempotencyKey, .expect,
    ]

    /// RFC 3986, section 2.3.
    private static let unreserved = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)

    private static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if unreserved.contains(byte) {
                bytes.append(byte)
            } else {
                bytes += Array("%\(Hex.encode([byte]))".utf8)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
