/// Finds the bytes of one text in others, in a time that grows with their lengths alone (Knuth, Morris and Pratt):
/// both may come from anywhere. Texts that are canonically equivalent are different ones.
package struct ByteSearch: Sendable {
    private let bytes: [UInt8]
    /// For each number of bytes that match, the longest of their ends with which they begin, too.
    private var fallbacks: [Int]

    package init(for text: String) {
        bytes = Array(text.utf8)
        fallbacks = [Int](repeating: 0, count: bytes.count)
        var length = 0
        for index in bytes.indices.dropFirst() {
            length = matched(after: length, bytes[index])
            fallbacks[index] = length
        }
    }

    /// Whether `text` contains the bytes, which may be none.
    package func isFound(in text: String) -> Bool {
        if bytes.isEmpty { return true }
        var length = 0
        for byte in text.utf8 {
            length = matched(after: length, byte)
            if length == bytes.count { return true }
        }
        return false
    }

    /// The bytes that match after one more, where `length` have matched before.
    private func matched(after length: Int, _ byte: UInt8) -> Int {
        var length = length
        while length > 0, bytes[length] != byte { length = fallbacks[length - 1] }
        return bytes[length] == byte ? length + 1 : 0
    }
}
