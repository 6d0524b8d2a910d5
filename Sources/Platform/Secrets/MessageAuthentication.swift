import Crypto
import Foundation

/// HMAC-SHA-256 (RFC 2104), 32 bytes.
package enum MessageAuthentication {
    package static func code(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
    }
}
