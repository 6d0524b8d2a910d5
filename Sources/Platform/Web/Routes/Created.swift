package import Base
import HTTPTypes

/// A payload that describes a new resource: 201.
package struct Created<Body: Payload>: ResponseConvertible {
    package let body: Body
    package init(_ body: Body) { self.body = body }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(201, "Created", mediaType: "application/json", payload: Body.self)]
    }
    package func response() throws(Problem) -> Response {
        var response = try body.response()
        response.status = .created
        return response
    }
}
