/// The value of a header field with parameters: `form-data; name="a"; filename="b"` (RFC 9110 §5.6.6).
///
/// Parsed as bytes: as characters, a quotation mark and a combining accent after it are one character.
struct ParameterisedValue {
    typealias Bytes = Substring.UTF8View

    let value: String
    /// By lower-case name.
    let parameters: [String: String]

    /// - Returns: nil for a malformed value or a repeated parameter.
    init?(_ text: String) {
        var rest = Substring(text).utf8
        value = String(Self.take(&rest) { $0 != UInt8(ascii: ";") }.trimmed)
        var parameters: [String: String] = [:]
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst().leadingSpaceDropped
            // A semicolon without a parameter is common and accepted.
            guard let next = rest.first, next != UInt8(ascii: ";") else { continue }
            let name = Self.take(&rest) { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            guard rest.popFirst() == UInt8(ascii: "="), !name.isEmpty,
                !name.contains(where: { " \t\"".utf8.contains($0) })
            else { return nil }
            let isQuoted = rest.first == UInt8(ascii: "\"")
            guard
                let value = isQuoted
                    ? Self.quoted(&rest) : String(Self.take(&rest) { $0 != UInt8(ascii: ";") }.trimmed),
                parameters.updateValue(value, forKey: Substring(name).lowercased()) == nil
            else { return nil }
            rest = rest.leadingSpaceDropped
        }
        guard rest.isEmpty, !value.isEmpty else { return nil }
        self.parameters = parameters
    }

    /// Decodes `UTF-8'en'na%C3%AFve` (RFC 8187 §3.2).
    /// - Returns: nil for a malformed value or another encoding.
    static func decode(extended text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return FormText.decode(parts[2], plusIsSpace: false)
    }

    private static func quoted(_ rest: inout Bytes) -> String? {
        rest.removeFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: value, as: UTF8.self)
            // Some clients send paths with unescaped backslashes: a backslash is an escape only before `"` and `\\`.
            case UInt8(ascii: "\\"):
                let isEscape = rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "\\")
                value.append(isEscape ? rest.removeFirst() : byte)
            default: value.append(byte)
            }
        }
        return nil
    }

    private static func take(_ rest: inout Bytes, while condition: (UInt8) -> Bool) -> Bytes {
        let taken = rest.prefix(while: condition)
        rest = rest[taken.endIndex...]
        return taken
    }
}

extension Substring.UTF8View {
    fileprivate var leadingSpaceDropped: Self { drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } }

    /// Without leading and trailing spaces and tabs.
    var trimmed: Substring {
        let start = leadingSpaceDropped
        guard let last = start.lastIndex(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else {
            return ""
        }
        return Substring(start[...last])
    }
}
