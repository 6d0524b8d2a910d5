package import Base
import Foundation

/// Signatures of Standard Webhooks (https://www.standardwebhooks.com), scheme `v1`: HMAC-SHA-256 of the message's id,
/// the time and the body, joined by full stops.
package enum StandardWebhookSignature {
    /// The header fields of a message.
    package static let idField = "webhook-id"
    package static let timestampField = "webhook-timestamp"
    package static let signatureField = "webhook-signature"

    /// By how much the time of a message may differ from the receiver's, in either direction.
    package static let tolerance = Duration.seconds(300)
    /// Signatures of a message that are read: one for each secret that is in use while secrets are rotated.
    static let signaturesMax = 16
    static let idBytesMax = 256

    /// - Parameter secrets: the current one and those that a rotation has replaced.
    /// - Returns: the value of ``signatureField``.
    package static func text(
        of body: some Sequence<UInt8>, id: String, at time: Instant, with secrets: [StandardWebhookSecret]
    ) -> String {
        secrets.map { "v1," + Data(code(id, String(time.seconds), body, $0)).base64EncodedString() }
            .joined(separator: " ")
    }

    /// Verifies a received message.
    /// - Parameters:
    ///   - header: the values of all header fields of a name.
    ///   - secrets: a signature under any of them is accepted.
    /// - Throws: ``Fault``.
    package static func verify(
        _ body: [UInt8], header: (String) -> [String], at now: Instant, with secrets: [StandardWebhookSecret]
    ) throws(Fault) {
        func field(_ name: String) throws(Fault) -> String {
            let values = header(name)
            guard let value = values.first, values.count == 1, !value.isEmpty else { throw .missing(name) }
            return value
        }
        let id = try field(idField)
        let timestamp = try field(timestampField)
        let signatures = try field(signatureField)
        guard id.utf8.count <= idBytesMax, id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ".") })
        else { throw .malformed(idField) }
        // Digits alone: what a sign or white space would also denote is not what was signed.
        guard (1...12).contains(timestamp.utf8.count),
            timestamp.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let seconds = Int64(timestamp)
        else { throw .malformed(timestampField) }
        let age = now - Instant(seconds: seconds)
        guard age <= tolerance, age >= .zero - tolerance else { throw .expired }
        let codes = secrets.map { code(id, timestamp, body, $0) }
        var isValid = false
        for signature in signatures.split(separator: " ", maxSplits: signaturesMax).prefix(signaturesMax) {
            // Signatures of later versions of the standard are for other receivers.
            guard signature.hasPrefix("v1,"), let given = Data(base64Encoded: String(signature.dropFirst(3))) else {
                continue
            }
            for code in codes where constantTimeEquals(code, given) { isValid = true }
        }
        guard isValid else { throw .notSigned }
    }

    /// Why a message is not accepted. It contains nothing of the message.
    package enum Fault: Error, Equatable, CustomStringConvertible {
        /// The header field is missing, empty or sent twice.
        case missing(String)
        case malformed(String)
        /// The time is too far from now.
        case expired
        /// No signature was made with a known secret.
        case notSigned

        package var description: String {
            switch self {
            case .missing(let field): "The header field \(field) is needed once."
            case .malformed(let field): "The header field \(field) is malformed."
            case .expired: "The message is too old, or from the future."
            case .notSigned: "The signature does not match."
            }
        }
    }

    private static func code(
        _ id: String, _ timestamp: String, _ body: some Sequence<UInt8>, _ secret: StandardWebhookSecret
    ) -> [UInt8] {
        MessageAuthentication.code(Array("\(id).\(timestamp).".utf8) + body, key: secret.bytes)
    }
}
