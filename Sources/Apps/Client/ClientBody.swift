package import Base
import Foundation

/// What is sent along with a request.
package enum ClientBody: Sendable {
    case none
    case json(JSONValue)
    /// `application/x-www-form-urlencoded`, in this order.
    case form(KeyValuePairs<String, String>)
    case multipart(Multipart)
    /// Anything, as it is; without a media type no `Content-Type` is sent.
    case bytes([UInt8], mediaType: String? = nil)
    /// A file, read from disk piece by piece as the connection takes it.
    case file(String, mediaType: String)

    /// The body as it goes over the wire.
    /// - Throws: ``UnreadableFile``; an encoding error for a number that JSON cannot write.
    func outgoing() throws -> OutgoingBody? {
        switch self {
        case .none: nil
        case .json(let value): OutgoingBody(mediaType: "application/json", pieces: [.bytes(try value.encoded())])
        case .form(let fields):
            OutgoingBody(
                mediaType: "application/x-www-form-urlencoded", pieces: [.bytes(Array(Self.encoded(fields).utf8))])
        case .multipart(let parts):
            OutgoingBody(mediaType: "multipart/form-data; boundary=\(parts.boundary)", pieces: try parts.pieces())
        case .bytes(let bytes, let mediaType): OutgoingBody(mediaType: mediaType, pieces: [.bytes(bytes)])
        case .file(let path, let mediaType): OutgoingBody(mediaType: mediaType, pieces: [try .file(path)])
        }
    }

    private static func encoded(_ fields: KeyValuePairs<String, String>) -> String {
        // RFC 3986's unreserved characters; all others are escaped, which every reader of forms takes.
        let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        func escaped(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: plain) ?? "" }
        return fields.map { "\(escaped($0.key))=\(escaped($0.value))" }.joined(separator: "&")
    }
}

extension JSONValue {
    /// The value as compact JSON with its members sorted, so that equal values are equal bytes.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
