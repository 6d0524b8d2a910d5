package import HTTPTypes
package import NIOCore

/// An answer on its way out.
package struct Response: Sendable {
    package enum Body: Sendable {
        case none
        case buffer(ByteBuffer)
        /// Part of a file, read piece by piece as the client takes it.
        case file(path: String, range: Range<Int64>)
        /// Made piece by piece as the client takes it, until there is none: its size is not known before. Each call of
        /// it begins anew.
        case pieces(@Sendable () -> () async throws -> ByteBuffer?)
    }

    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body

    package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: HTTPResponse.Status = .ok, text: String, mediaType: String) {
        self.init(status: status, headers: [.contentType: mediaType], body: .buffer(ByteBuffer(string: text)))
    }

    /// A document that is written already.
    package init(json: ByteBuffer) {
        self.init(status: .ok, headers: [.contentType: "application/json; charset=utf-8"], body: .buffer(json))
    }

    /// The size of the body in bytes; nil where it is not known before the end.
    package var contentLength: Int64? {
        switch body {
        case .none: 0
        case .buffer(let buffer): Int64(buffer.readableBytes)
        case .file(_, let range): Int64(range.count)
        case .pieces: nil
        }
    }
}
