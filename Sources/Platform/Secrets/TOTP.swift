import Crypto
import Foundation

/// Time-based one-time passwords (RFC 6238) over HMAC-SHA-1, which all authenticator apps support.
package struct TOTP: Sendable {
    private let key: SymmetricKey
    private let digits: Int

    package static let stepSeconds: Int64 = 30
    /// The length that RFC 4226, section 4 recommends.
    package static let secretBytes = 20

    /// - Parameter digits: 6 to 8; authenticator apps show six.
    package init(secret: [UInt8], digits: Int = 6) {
        precondition((6...8).contains(digits), "a one-time password has 6 to 8 digits")
        key = SymmetricKey(data: secret)
        self.digits = digits
    }

    /// The number of the time step.
    /// - Parameter seconds: seconds since 1970.
    package static func step(at seconds: Int64) -> Int64 { seconds / stepSeconds }

    /// The password of a time step.
    package func text(at step: Int64) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * Int64($0))) }
        let hash = Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: key))
        // Dynamic truncation (RFC 4226, section 5.3): the last four bits are the offset of the 31 bits.
        let offset = Int(hash[19] & 0x0F)
        let number = hash[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let modulus = (0..<digits).reduce(UInt32(1)) { power, _ in power * 10 }
        let text = String(number % modulus)
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// The latest step near `step` with this password. All steps are compared, so that the duration does not depend on
    /// the result.
    /// - Parameter window: the number of earlier and later steps accepted, for clock skew.
    package func step(of text: String, near step: Int64, window: Int64) -> Int64? {
        var found: Int64?
        for candidate in (step - window)...(step + window)
        where constantTimeEquals(self.text(at: candidate).utf8, text.utf8) { found = candidate }
        return found
    }
}
