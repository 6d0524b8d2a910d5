/// There is no response from a URL that a user named. No description tells an address of this server's network.
package enum UserURLFailure: Error, Sendable, CustomStringConvertible {
    /// One of the host's addresses may not be reached, or a public host only over `https`. Nothing was sent there.
    case notAllowed
    /// The host has no address.
    case unknownHost
    /// Too many look-ups of names wait. Nothing was sent.
    case overloaded
    /// More redirects than the request follows, or one to a URL that is none.
    case badRedirect
    case failed(OutboundFailure.Kind)

    /// Whether the service may have received the request.
    package var isUnconfirmed: Bool {
        switch self {
        case .notAllowed, .unknownHost, .overloaded: false
        case .badRedirect: true
        case .failed(let kind): kind != .unreachable
        }
    }

    /// A sentence for the user.
    package var description: String {
        switch self {
        case .notAllowed: "The host of the URL is not a public one that is reached over https."
        case .unknownHost: "The host of the URL has no address."
        case .overloaded: "Too many names are being looked up. Try again in a moment."
        case .badRedirect: "The service redirects too often, or to a URL that is not allowed."
        case .failed(.unreachable): "The service cannot be reached."
        case .failed(.timedOut): "The service did not answer in time."
        case .failed(.tooLarge): "The response of the service is too large."
        case .failed(.cancelled): "The request was cancelled."
        case .failed(.broken): "The connection to the service broke, or its certificate is not valid."
        }
    }
}
