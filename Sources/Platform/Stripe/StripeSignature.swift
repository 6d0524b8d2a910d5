package import Base
import Secrets

/// Signs and verifies the header field `Stripe-Signature` of webhooks: `t=1700000000,v1=<hex>,v1=<hex>`, where each
/// `v1` is HMAC-SHA-256 of `<t>.<body>` (https://docs.stripe.com/webhooks/signature).
package enum StripeSignature {
    package enum Failure: Error, Sendable, Hashable {
        /// The field cannot be read: without exactly one `t`, without a `v1`, with blanks, other characters than ASCII,
        /// upper-case digits, or too long.
        case malformed
        /// The time is more than 300 seconds away.
        case outsideTolerance
        /// No `v1` is of one of the secrets.
        case wrong
    }

    /// Of the time, both ways.
    package static let tolerance: Duration = .seconds(300)
    /// Stripe sends one signature for each active secret, and a `v0` in test mode.
    static let headerBytesMax = 2_048
    static let signaturesMax = 16

    /// Verifies the signature of a body as it was received, before it is read.
    /// - Parameter secrets: one, or two while they are rotated. None verifies nothing.
    package static func verify(_ header: String, of body: [UInt8], secrets: [String], at now: Instant) throws(Failure) {
        let fields = try Fields(header)
        guard abs(fields.time - now.seconds) <= tolerance.components.seconds else { throw .outsideTolerance }
        let signed = Array("\(fields.time).".utf8) + body
        var isRight = false
        // All are compared, so that the time tells nothing of which one is right.
        for secret in secrets where !secret.isEmpty {
            let expected = MessageAuthentication.code(signed, key: Array(secret.utf8))
            for signature in fields.signatures where constantTimeEquals(signature, expected) { isRight = true }
        }
        guard isRight else { throw .wrong }
    }

    /// The field that Stripe would send.
    package static func header(of body: [UInt8], secrets: [String], at time: Instant) -> String {
        let signed = Array("\(time.seconds).".utf8) + body
        let signatures = secrets.map { Hex.encode(MessageAuthentication.code(signed, key: Array($0.utf8))) }
        return (["t=\(time.seconds)"] + signatures.map { "v1=\($0)" }).joined(separator: ",")
    }

    private struct Fields {
        let time: Int64
        let signatures: [[UInt8]]

        init(_ header: String) throws(Failure) {
            guard header.utf8.count <= headerBytesMax, header.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw .malformed
            }
            var time: Int64?
            var signatures: [[UInt8]] = []
            for element in header.split(separator: ",", omittingEmptySubsequences: false) {
                let parts = element.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, !parts[0].isEmpty else { throw .malformed }
                switch parts[0] {
                case "t":
                    guard time == nil, let seconds = Self.seconds(parts[1]) else { throw .malformed }
                    time = seconds
                case "v1":
                    guard signatures.count < signaturesMax, let signature = Self.signature(parts[1]) else {
                        throw .malformed
                    }
                    signatures.append(signature)
                // Other schemes prove nothing.
                default: continue
                }
            }
            guard let time, !signatures.isEmpty else { throw .malformed }
            self.time = time
            self.signatures = signatures
        }

        /// 1 to 12 digits without a leading zero: `Int64` would accept a sign.
        private static func seconds(_ text: Substring) -> Int64? {
            guard (1...12).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                text.utf8.first != UInt8(ascii: "0")
            else { return nil }
            return Int64(text)
        }

        private static func signature(_ text: Substring) -> [UInt8]? {
            guard text.utf8.count == 64, !text.utf8.contains(where: { (0x41...0x5A).contains($0) }) else { return nil }
            return Hex.decode(String(text))
        }
    }
}
