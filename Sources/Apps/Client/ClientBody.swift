package import Base
import Foundation

/// The body of a request.
package enum ClientBody: Sendable {
    case none
    case json(JSONValue)
    /// `application/x-www-form-urlencoded`, in this order.
    case form(KeyValuePairs<String, String>)
    case multipart(Multipart)
    /// Bytes; without a media type no `Content-Type` is sent.
    case bytes([UInt8], mediaType: String? = nil)
    /// A file, read in chunks as the connection accepts them.
    case file(String, mediaType: String)

    /// The encoded body.
    /// - Throws: ``UnreadableFile``; an encoding error for a number that JSON cannot represent.
    func outgoing() throws -> OutgoingBody? {
        switch self {
        case .none: nil
        case .json(let value): OutgoingBody(mediaType: "application/json", chunks: [.bytes(try value.encoded())])
        case .form(let fields):
            OutgoingBody(
                mediaType: "application/x-www-form-urlencoded", chunks: [.bytes(Array(Self.encoded(fields).utf8))])
        case .multipart(let parts):
            OutgoingBody(mediaType: "multipart/form-data; boundary=\(parts.boundary)", chunks: try parts.chunks())
        case .bytes(let bytes, let mediaType): OutgoingBody(mediaType: mediaType, chunks: [.bytes(bytes)])
        case .file(let path, let mediaType): OutgoingBody(mediaType: mediaType, chunks: [try .file(path)])
        }
    }

    private static func encoded(_ fields: KeyValuePairs<String, String>) -> String {
        // The unreserved characters of RFC 3986; all others are percent-encoded, which every form decoder accepts.
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        func escaped(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? "" }
        return fields.map { "\(escaped($0.key))=\(escaped($0.value))" }.joined(separator: "&")
    }
}

extension JSONValue {
    /// Compact JSON with sorted members, so that equal values have equal bytes.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
