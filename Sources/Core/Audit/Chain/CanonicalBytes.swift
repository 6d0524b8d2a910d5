import Modules
import Secrets

/// An injective encoding of a list of values: every value carries its type and length, so that different lists have
/// different bytes.
struct CanonicalBytes {
    private(set) var bytes: [UInt8] = []

    /// - Parameter purpose: a domain separator, so that hashes of different kinds of input never collide.
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
