package import Base

/// Why something that came in, or was to go out, is answered by the server itself instead of by a handler.
package enum HTTPError: Sendable, CaseIterable {
    /// What came in is not HTTP.
    case malformed
    case uriTooLong
    case headersTooLarge
    /// The client took too long to send its request.
    case timeout
    /// The file that a reply named could not be read.
    case unreadableFile

    package var problem: Problem {
        switch self {
        case .malformed: Problem(.invalidRequest, detail: "What was received is not a well-formed HTTP request.")
        case .uriTooLong: Problem(.uriTooLong)
        case .headersTooLarge: Problem(.headersTooLarge)
        case .timeout: Problem(.requestTimeout)
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
