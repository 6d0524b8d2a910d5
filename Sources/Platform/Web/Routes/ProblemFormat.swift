package import Base
package import HTTPTypes

/// The form of a route's problems in place of RFC 9457: for an API whose clients read another one.
package struct ProblemFormat: Sendable {
    /// Makes the body of a problem for the id of its request.
    package typealias Body = @Sendable (Problem, String) -> JSONValue

    static let mediaType = "application/json"

    /// Documents the bodies.
    let payload: any Payload.Type
    /// By the header fields of the request.
    let body: @Sendable (HTTPFields) -> Body

    /// - Parameters:
    ///   - payload: documents the bodies. They have the members `code` and `request_id`, as other problems.
    ///   - body: selects the form by the header fields of the request.
    package init(_ payload: any Payload.Type, body: @escaping @Sendable (HTTPFields) -> Body) {
        self.payload = payload
        self.body = body
    }
}
