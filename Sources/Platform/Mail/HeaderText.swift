import Foundation

/// Encodes text in header fields (RFC 5322, section 2.2; RFC 2047).
enum HeaderText {
    /// The maximum length of a line with an encoded word (RFC 2047, section 2).
    private static let lineMax = 76

    /// A header field: short ASCII text is written as it is, other text as encoded words on lines of their own.
    /// - Throws: ``HeaderFault`` for text with a line break, which would allow the injection of another field.
    static func field(_ name: String, _ text: String) throws(HeaderFault) -> String {
        try checkLine(name, text)
        let line = "\(name): \(text)"
        let isPlain =
            text.utf8.allSatisfy { (32...126).contains($0) } && !text.contains("=?") && !text.isEmpty
            && text.last != " " && line.utf8.count <= lineMax
        return isPlain ? line : "\(name): \(encodedWords(text))"
    }

    /// A header field with a display name and an address, such as `From` and `To`.
    static func mailbox(_ name: String, _ address: String, field: String) throws(HeaderFault) -> String {
        try checkLine(field, name)
        try checkLine(field, address)
        guard !name.isEmpty else { return "\(field): <\(address)>" }
        let isPhrase =
            name.utf8.allSatisfy { isAtomText($0) || $0 == UInt8(ascii: " ") } && name.utf8.count <= 60
            && name.first != " " && name.last != " "
            && !name.contains("  ")
        return "\(field): \(isPhrase ? name : encodedWords(name))\r\n <\(address)>"
    }

    /// Whether a byte is allowed in an atom (RFC 5322, section 3.2.3).
    static func isAtomText(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
        }
    }

    /// An encoded word holds whole characters; its bound leaves space for the field name on the same line.
    private static func encodedWords(_ text: String) -> String {
        let bytesMax = 39
        var words: [[UInt8]] = [[]]
        for scalar in text.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if words[words.count - 1].count + bytes.count > bytesMax { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?UTF-8?B?\(Data($0).base64EncodedString())?=" }.joined(separator: "\r\n ")
    }

    private static func checkLine(_ field: String, _ text: String) throws(HeaderFault) {
        guard
            !text.unicodeScalars.contains(where: {
                $0.properties.generalCategory == .control || $0 == "\u{2028}" || $0 == "\u{2029}"
            })
        else {
            throw HeaderFault(field: field)
        }
    }
}

/// Text that is not allowed in a header field, because it contains a line break or another control character.
package struct HeaderFault: Error, CustomStringConvertible {
    package let field: String
    package var description: String { "The text for the header field \(field) contains a control character." }
}
