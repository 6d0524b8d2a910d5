import HTTPTypes
import NIOCore

/// A text file that is generated while it is sent. One chunk of it is in memory.
package struct StreamedText: ResponseConvertible {
    let name: String
    let mediaType: String
    let chunks: @Sendable () -> () async throws -> String?

    /// - Parameters:
    ///   - name: the file name for `Content-Disposition`.
    ///   - chunks: each call begins anew; the closure that it returns is called until it returns nil. An error that it
    ///     throws aborts the response.
    package init(_ name: String, mediaType: String, chunks: @escaping @Sendable () -> () async throws -> String?) {
        self.name = name
        self.mediaType = mediaType
        self.chunks = chunks
    }

    package static var documented: [DocumentedResponse] { [DocumentedResponse(200, "The file", mediaType: "text/csv")] }
    package func response() -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: mediaType, .contentDisposition: "attachment; filename=\"\(name)\"",
            ],
            body: .chunks { [chunks] in
                let next = chunks()
                return { try await next().map(ByteBuffer.init(string:)) }
            }
        )
    }
}
