import HTTPTypes
import Modules

struct BrowserSignedIn: Payload {
    var csrfToken: String
    /// Seconds.
    var expiresIn: Int64
    var user: User
}

struct BrowserSessionStatus: Payload {
    var csrfToken: String
    var user: User
}

/// A payload with a `Set-Cookie` header.
struct WithCookie<Body: Payload>: ResponseConvertible, Sendable {
    let body: Body
    let cookie: String

    init(_ body: Body, cookie: String) {
        self.body = body
        self.cookie = cookie
    }

    static var documented: [DocumentedResponse] { Body.documented }
    func response() throws(Problem) -> Response {
        var response = try body.response()
        response.headers.append(HTTPField(name: .setCookie, value: cookie))
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
