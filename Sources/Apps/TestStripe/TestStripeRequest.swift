import Base
import NIOHTTP1

/// A request as the server receives it.
struct TestStripeRequest: Sendable {
    let method: String
    /// Percent-decoded.
    let segments: [String]
    /// Of the query, or of the body.
    let fields: [(name: String, value: String)]
    let authorization: String?
    let version: String?
    let idempotencyKey: String?
    let account: String?

    init(_ head: HTTPRequestHead, _ body: [UInt8]) {
        method = head.method.rawValue
        let parts = head.uri.split(separator: "?", maxSplits: 1)
        segments = parts.first?.split(separator: "/").map { Self.decoded($0) } ?? []
        let query = parts.count > 1 ? String(parts[1]) : ""
        let text = body.isEmpty ? query : String(decoding: body, as: UTF8.self)
        fields = text.split(separator: "&").map { field in
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(pair[0]), pair.count > 1 ? Self.decoded(pair[1]) : "")
        }
        authorization = head.headers.first(name: "Authorization")
        version = head.headers.first(name: "Stripe-Version")
        idempotencyKey = head.headers.first(name: "Idempotency-Key")
        account = head.headers.first(name: "Stripe-Account")
    }

    /// What a key stands for: the same key with another one is a conflict.
    var fingerprint: String {
        "\(method) \(segments.joined(separator: "/")) \(fields.map { "\($0.name)=\($0.value)" }.joined(separator: "&"))"
    }

    private static func decoded(_ text: Substring) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let pair = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)),
                pair.count == 1
            {
                bytes += pair
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
