import HTTPTypes
import NIOCore

/// A file as an attachment: streamed from disk, or made in memory.
package struct Download: ResponseConvertible {
    private let body: Response.Body
    private let name: String
    private let mediaType: String

    /// - Parameters:
    ///   - path: opened when the response is written.
    ///   - name: the file name for `Content-Disposition`.
    package init(path: String, size: Int64, name: String, mediaType: String = "application/octet-stream") {
        body = .file(path: path, range: 0..<size)
        self.name = name
        self.mediaType = mediaType
    }

    /// - Parameter name: the file name for `Content-Disposition`.
    package init(bytes: [UInt8], name: String, mediaType: String = "application/octet-stream") {
        body = .buffer(ByteBuffer(bytes: bytes))
        self.name = name
        self.mediaType = mediaType
    }

    package static var documented: [DocumentedResponse] {
        [DocumentedResponse(200, "The file", mediaType: "application/octet-stream")]
    }
    package func response() -> Response {
        let safe = String(
            name.unicodeScalars.map {
                ($0.value > 32 && $0.value < 127 && !"\"\\;/".unicodeScalars.contains($0)) ? Character($0) : "_"
            })
        return Response(
            status: .ok,
            headers: [
                .contentType: mediaType, .contentDisposition: "attachment; filename=\"\(safe)\"",
            ],
            body: body
        )
    }
}
