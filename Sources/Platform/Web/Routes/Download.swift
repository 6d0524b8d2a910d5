import HTTPTypes

/// A file as an attachment, streamed from disk.
package struct Download: ResponseConvertible {
    let path: String
    let size: Int64
    let name: String
    let mediaType: String

    /// - Parameters:
    ///   - path: opened when the response is written.
    ///   - name: the file name for `Content-Disposition`.
    package init(path: String, size: Int64, name: String, mediaType: String = "application/octet-stream") {
        self.path = path
        self.size = size
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
            body: .file(path: path, range: 0..<size)
        )
    }
}
