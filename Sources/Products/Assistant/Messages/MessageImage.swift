import Foundation
import Models
import Modules

/// Images of messages, which are passed on as they are and never fetched.
enum MessageImage {
    /// What both APIs accept.
    private static let mediaTypes: Set<String> = ["image/png", "image/jpeg", "image/gif", "image/webp"]
    private static let urlCharactersMax = 2_048
    /// Of one conversation.
    static let countMax = 100

    /// - Parameters:
    ///   - url: `https://…`, which the model's service fetches, or `data:…;base64,…`.
    ///   - pointer: of the URL in the body.
    /// - Throws: `validation-failed`.
    static func image(at url: String, _ pointer: String) throws(Problem) -> ModelMessage.Image {
        if url.hasPrefix("data:") {
            let parts = url.dropFirst(5).split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].hasSuffix(";base64") else {
                throw Problem.invalid(pointer, "must have base64 behind ;base64,")
            }
            return try image(String(parts[0].dropLast(7)), base64: String(parts[1]), pointer)
        }
        guard url.count <= urlCharactersMax, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let parts = URLComponents(string: url), parts.scheme == "https", parts.host?.isEmpty == false,
            parts.user == nil, parts.password == nil
        else {
            throw Problem.invalid(
                pointer, "must begin with https:// or data:, and have at most \(urlCharactersMax) characters")
        }
        return .url(url)
    }

    /// - Throws: `validation-failed` for another media type, and for what is no base64.
    static func image(_ mediaType: String, base64: String, _ pointer: String) throws(Problem) -> ModelMessage.Image {
        guard mediaTypes.contains(mediaType) else {
            throw Problem.invalid(pointer, "must have a media type of \(mediaTypes.sorted().joined(separator: ", "))")
        }
        guard isBase64(base64) else { throw Problem.invalid(pointer, "is not valid base64") }
        return .data(mediaType: mediaType, base64: base64)
    }

    /// Whether a text is base64 with its padding (RFC 4648, section 4), and not empty.
    private static func isBase64(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count.isMultiple(of: 4) else { return false }
        let padding = bytes.suffix(2).count { $0 == UInt8(ascii: "=") }
        return bytes.dropLast(padding).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
