package import Base

/// Why the server answers in place of a handler.
package enum HTTPError: Sendable, CaseIterable {
    /// The input is not HTTP.
    case malformed
    case uriTooLong
    case headersTooLarge
    /// A request without TLS, on a port that is served by TLS.
    case withoutTLS
    /// The request did not arrive in time.
    case timeout
    /// The connection is beyond a limit of ``HTTPLimits``.
    case tooManyConnections
    /// The file of a response could not be opened.
    case unreadableFile

    package var problem: Problem {
        switch self {
        case .malformed: Problem(.invalidRequest, detail: "What was received is not a well-formed HTTP request.")
        case .withoutTLS:
            Problem(
                .invalidRequest, detail: "This port is served by TLS: send the request to https:// instead of http://.")
        case .uriTooLong: Problem(.uriTooLong)
        case .headersTooLarge: Problem(.headersTooLarge)
        case .timeout: Problem(.requestTimeout)
        case .tooManyConnections:
            Problem(
                .overloaded, detail: "Too many connections are open: close some, or use them for several requests.",
                headers: ["Retry-After": "1"])
        case .unreadableFile: Problem(.internalError)
        }
    }
}

extension Problem.Kind {
    package static let requestTimeout = Self("request-timeout", "The request took too long to arrive", status: 408)
    package static let uriTooLong = Self("uri-too-long", "The address of the request is too long", status: 414)
    package static let headersTooLarge = Self(
        "headers-too-large", "The header fields of the request are too large", status: 431)
}
