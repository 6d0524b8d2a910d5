/// A request to a URL that a user named.
package struct UserURLRequest: Sendable {
    package var method: String
    package var url: UserURL
    /// In this order. Fields of the connection, of the framing and `Host` are left out.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]?
    /// Of everything, from the look-up of the name to the last byte of the response.
    package var timeout: Duration
    /// The longest body of a response, in bytes.
    package var responseBytesMax: Int
    /// Redirects that are followed, of GET and HEAD requests alone. A redirect of another request, and one where this
    /// is 0, is the response.
    package var redirectsMax: Int

    package init(
        _ method: String,
        _ url: UserURL,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(15),
        responseBytesMax: Int = 64 << 10,
        redirectsMax: Int = 0
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.responseBytesMax = responseBytesMax
        self.redirectsMax = redirectsMax
    }
}
