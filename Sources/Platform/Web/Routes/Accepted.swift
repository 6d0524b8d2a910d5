package import Base
import HTTPTypes

/// A payload that describes a job: 202, with the URL of the job in `Location`.
package struct Accepted<Body: Payload>: ResponseConvertible {
    package let body: Body
    package let location: String

    package init(_ body: Body, follow location: String) {
        self.body = body
        self.location = location
    }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(202, "Accepted; follow the job", mediaType: "application/json", payload: Body.self)]
    }
    package func response() throws(Problem) -> Response {
        var response = try body.response()
        response.status = .accepted
        response.headers[.location] = location
        return response
    }
}
