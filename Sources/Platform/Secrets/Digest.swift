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
