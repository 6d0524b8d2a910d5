package import Base
import Foundation

/// A `multipart/form-data` body (RFC 7578). Files are read from disk while the body is sent.
package struct Multipart: Sendable {
    package struct Part: Sendable {
        package enum Content: Sendable {
            case text(String)
            case json(JSONValue)
            case bytes([UInt8])
            /// A file, or a range of its bytes.
            case file(String, range: Range<Int64>? = nil)
        }

        package var name: String
        package var fileName: String?
        package var mediaType: String?
        package var content: Content

        package init(_ name: String, _ content: Content, fileName: String? = nil, mediaType: String? = nil) {
            self.name = name
            self.content = content
            self.fileName = fileName
            self.mediaType = mediaType
        }
    }

    package var parts: [Part]
    /// Random, so that no part contains it.
    package let boundary: String

    package init(_ parts: Part...) {
        self.parts = parts
        boundary =
            "gatehouse-" + String(UInt64.random(in: .min ... .max), radix: 36)
            + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    func chunks() throws -> [BodyChunk] {
        var chunks: [BodyChunk] = []
        for part in parts {
            chunks.append(.bytes(Array(head(of: part).utf8)))
            chunks.append(try part.content.chunk())
            chunks.append(.bytes(Array("\r\n".utf8)))
        }
        return chunks + [.bytes(Array("--\(boundary)--\r\n".utf8))]
    }

    private func head(of part: Part) -> String {
        var head = "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(Self.escaped(part.name))\""
        if let fileName = part.fileName { head += "; filename=\"\(Self.escaped(fileName))\"" }
        if let mediaType = part.mediaType ?? part.content.mediaType(named: part.fileName) {
            head += "\r\nContent-Type: \(mediaType)"
        }
        return head + "\r\n\r\n"
    }

    /// As browsers escape names (HTML standard, multipart/form-data encoding).
    private static func escaped(_ name: String) -> String {
        name.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "%22"
            case "\r": "%0D"
            case "\n": "%0A"
            default: String(scalar)
            }
        }.joined()
    }
}

extension Multipart.Part.Content {
    fileprivate func chunk() throws -> BodyChunk {
        switch self {
        case .text(let text): .bytes(Array(text.utf8))
        case .json(let value): .bytes(try value.encoded())
        case .bytes(let bytes): .bytes(bytes)
        case .file(let path, let range): try .file(path, range: range)
        }
    }

    fileprivate func mediaType(named fileName: String?) -> String? {
        switch self {
        case .text: nil
        case .json: "application/json"
        case .bytes, .file: fileName?.lowercased().hasSuffix(".csv") == true ? "text/csv" : "application/octet-stream"
        }
    }
}
