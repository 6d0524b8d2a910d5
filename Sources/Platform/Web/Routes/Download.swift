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
        Response(
            status: .ok,
            headers: [
                .contentType: mediaType, .contentDisposition: Self.disposition(of: name),
            ],
            body: body
        )
    }

    /// `Content-Disposition` with the name in ASCII, and as it is behind it where that differs (RFC 6266, section 5).
    static func disposition(of name: String) -> String {
        let safe = String(
            name.unicodeScalars.map {
                ($0.value > 32 && $0.value < 127 && !"\"\\;/".unicodeScalars.contains($0)) ? Character($0) : "_"
            })
        let plain = "attachment; filename=\"\(safe)\""
        guard safe != name else { return plain }
        let encoded = name.utf8.map { byte -> String in
            let character = Character(Unicode.Scalar(byte))
            if byte < 128, character.isLetter || character.isNumber { return String(character) }
            return "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return plain + "; filename*=UTF-8''" + encoded.joined()
    }
}
