import Base
import Crypto
import Foundation

/// SHA-256 (FIPS 180-4), of bytes at once or incrementally.
package struct Digest: Sendable {
    private var hash = SHA256()

    package init() {}
    package mutating func update(_ bytes: some Sequence<UInt8>) { hash.update(data: Array(bytes)) }
    /// The digest of all bytes so far, as lower-case hexadecimal text.
    package func hex() -> String { Hex.encode(Array(hash.finalize())) }

    package static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        // Contiguous storage, such as that of UTF-8 text, is hashed without a copy.
        bytes.withContiguousStorageIfAvailable { digest(of: UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { digest(of: $0) }
    }

    private static func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return hash.finalize().withUnsafeBytes { Array($0) }
    }

    package static func hex(_ text: String) -> String { Hex.encode(sha256(text.utf8)) }
}

/// HMAC-SHA-256 (RFC 2104), 32 bytes.
package enum MessageAuthentication {
    package static func code(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
    }
}

/// Compares two byte strings in a time that depends on their lengths alone.
package func constantTimeEquals(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(left, right) { difference |= a ^ b }
    return difference == 0
}

/// Bytes as base64url text without padding (RFC 4648, section 5).
package enum Base64URL {
    package static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// - Returns: nil unless `text` is canonical base64url without padding.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard !text.contains(where: { $0 == "+" || $0 == "/" || $0 == "=" }) else { return nil }
        let standard = String(text).replacing("-", with: "+").replacing("_", with: "/")
        let padded = standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), encode(Array(data)) == String(text) else { return nil }
        return Array(data)
    }
}
