package import HTTPTypes
package import NIOCore

/// The response to a request.
package struct Response: Sendable {
    package enum Body: Sendable {
        case none
        case buffer(ByteBuffer)
        /// A range of a file, read in chunks as the client receives it.
        case file(path: String, range: Range<Int64>)
        /// A range of a file that is open already.
        case openFile(OpenFile, range: Range<Int64>)
        /// A body of unknown size, made in chunks as the client receives it; nil ends it. Each call of the outer
        /// closure begins anew.
        case chunks(@Sendable () -> () async throws -> ByteBuffer?)
    }

    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body
    /// Called while ``Body/chunks(_:)`` are sent, when the client closes its sending side, and again when the connection
    /// ends. A client that has only finished sending reads on; one that has gone away is found by the next write. Called
    /// on the event loop of the connection: must not block.
    package var onInputClosed: (@Sendable () -> Void)?
    /// Of a response to the opening handshake of a WebSocket.
    var webSocket: WebSocketUpgrade?

    package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: HTTPResponse.Status = .ok, text: String, mediaType: String) {
        self.init(status: status, headers: [.contentType: mediaType], body: .buffer(ByteBuffer(string: text)))
    }

    /// A response with an encoded JSON document.
    package init(json: ByteBuffer) { self.init(status: .ok, headers: Self.jsonFields, body: .buffer(json)) }

    private static let jsonFields: HTTPFields = [.contentType: "application/json; charset=utf-8"]

    /// The size of the body in bytes; nil for ``Body/chunks(_:)``.
    package var contentLength: Int64? {
        switch body {
        case .none: 0
        case .buffer(let buffer): Int64(buffer.readableBytes)
        case .file(_, let range), .openFile(_, let range): Int64(range.count)
        case .chunks: nil
        }
    }
}
