/// A request to another service.
package struct OutboundRequest: Sendable {
    package var method: String
    /// `http` or `https`, a host and a path. It is not percent-encoded.
    package var url: String
    /// In this order. `Host`, and `Content-Length` of a body, are added where they are missing.
    package var headers: [(name: String, value: String)]
    package var body: OutboundBody?
    /// Of the whole exchange. A response whose service sends nothing any more is waited for until the client's idle
    /// timeout.
    package var timeout: Duration
    /// The longest body of a response, in bytes.
    package var responseBytesMax: Int

    package init(
        _ method: String,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: OutboundBody? = nil,
        timeout: Duration = .seconds(20),
        responseBytesMax: Int = 4 << 20
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.responseBytesMax = responseBytesMax
    }
}
