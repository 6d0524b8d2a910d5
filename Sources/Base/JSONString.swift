extension [UInt8] {
    /// Appends `text` as a JSON string (RFC 8259, section 7).
    /// - Parameter escapesLineSeparators: also escapes U+2028 and U+2029, which some readers of lines take for line
    ///   breaks.
    package mutating func append(jsonString text: String, escapesLineSeparators: Bool = false) {
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            // Most text has nothing to escape: it is appended in one run.
            var start = 0
            var index = 0
            while index < bytes.count {
                let length = Self.escapedLength(bytes, at: index, escapesLineSeparators)
                if length > 0 {
                    append(contentsOf: bytes[start..<index])
                    appendEscape(of: bytes, at: index)
                    start = index + length
                }
                index += Swift.max(1, length)
            }
            append(contentsOf: bytes[start...])
        }
        append(UInt8(ascii: "\""))
    }

    /// - Returns: the length of the character at `index` where it has to be escaped, else 0.
    @inline(__always)
    private static func escapedLength(
        _ bytes: UnsafeBufferPointer<UInt8>, at index: Int, _ escapesLineSeparators: Bool
    ) -> Int {
        switch bytes[index] {
        case 0..<32, UInt8(ascii: "\""), UInt8(ascii: "\\"): 1
        // U+2028 and U+2029 are E2 80 A8 and E2 80 A9 in UTF-8.
        case 0xE2 where escapesLineSeparators && bytes[index + 1] == 0x80 && bytes[index + 2] & 0xFE == 0xA8: 3
        default: 0
        }
    }

    private mutating func appendEscape(of bytes: UnsafeBufferPointer<UInt8>, at index: Int) {
        switch bytes[index] {
        case UInt8(ascii: "\""): append(contentsOf: #"\""#.utf8)
        case UInt8(ascii: "\\"): append(contentsOf: #"\\"#.utf8)
        case 8: append(contentsOf: #"\b"#.utf8)
        case 9: append(contentsOf: #"\t"#.utf8)
        case 10: append(contentsOf: #"\n"#.utf8)
        case 12: append(contentsOf: #"\f"#.utf8)
        case 13: append(contentsOf: #"\r"#.utf8)
        case 0xE2: append(contentsOf: (bytes[index + 2] == 0xA8 ? #"\u2028"# : #"\u2029"#).utf8)
        case let byte:
            append(contentsOf: (byte < 16 ? #"\u000"# : #"\u00"#).utf8)
            append(contentsOf: String(byte, radix: 16).utf8)
        }
    }
}
