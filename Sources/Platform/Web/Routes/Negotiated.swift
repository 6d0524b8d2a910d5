package import Base
import HTTPTypes

/// A resource with an HTML and a JSON representation, one of which the `Accept` header selects.
package enum Negotiated<Body: Payload>: ResponseConvertible {
    case html(HTMLPage)
    case json(Body)

    package static var documented: [DocumentedResponse] { Body.documented + HTMLPage.documented }

    package func response() throws(Problem) -> Response {
        var response =
            switch self {
            case .html(let page): page.response()
            case .json(let body): try body.response()
            }
        response.headers[.vary] = "Accept"
        return response
    }
}
