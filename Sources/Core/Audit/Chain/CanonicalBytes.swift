import Modules
import Secrets

/// Bytes that say the same thing in one way only: every part carries its kind and its length, so that no two lists of parts read alike.
struct CanonicalBytes {
    private(set) var bytes: [UInt8] = []

    /// - Parameter purpose: what the bytes are for, so that a hash of one kind is never mistaken for one of another.
    init(_ purpose: String) {
        bytes.reserveCapacity(512)
        append(purpose)
    }

    mutating func append(_ number: Int64) {
        bytes.append(1)
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(tag: 2, $0) }
    }

    mutating func append(_ text: String?) {
        if let text { append(text) } else { bytes.append(0) }
    }

    mutating func append(_ raw: [UInt8]) { raw.withUnsafeBufferPointer { append(tag: 3, $0) } }

    mutating func append(_ raw: [UInt8]?) {
        if let raw { append(raw) } else { bytes.append(0) }
    }

    private mutating func append(tag: UInt8, _ content: UnsafeBufferPointer<UInt8>) {
        bytes.append(tag)
        withUnsafeBytes(of: UInt32(content.count).bigEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: content)
    }

    var digest: [UInt8] { Digest.sha256(bytes) }
}
