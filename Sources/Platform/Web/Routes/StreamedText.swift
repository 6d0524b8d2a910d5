import HTTPTypes
import NIOCore

/// Text to keep as a file that is made while it is sent: however long it is, one piece of it is in memory.
package struct StreamedText: ResponseConvertible {
    let name: String
    let mediaType: String
    let pieces: @Sendable () -> () async throws -> String?

    /// - Parameters:
    ///   - name: what the client shall call it.
    ///   - pieces: begins anew with each call; what it gives is asked for the next piece until there is none. What it
    ///     throws breaks the answer off.
    package init(_ name: String, mediaType: String, pieces: @escaping @Sendable () -> () async throws -> String?) {
        self.name = name
        self.mediaType = mediaType
        self.pieces = pieces
    }

    package static var documented: [DocumentedResponse] { [DocumentedResponse(200, "The file", mediaType: "text/csv")] }
    package func response() -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: mediaType, .contentDisposition: "attachment; filename=\"\(name)\"",
                .xContentTypeOptions: "nosniff",
            ],
            body: .pieces { [pieces] in
                let next = pieces()
                return { try await next().map(ByteBuffer.init(string:)) }
            }
        )
    }
}
