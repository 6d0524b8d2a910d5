/// A header field's value with parameters: `form-data; name="a"; filename="b"` (RFC 9110 §5.6.6).
///
/// Read as bytes: to a character-wise reader a quotation mark and the accent behind it are one character, and no
/// quotation mark.
struct ParameterisedValue {
    typealias Bytes = Substring.UTF8View

    let value: String
    /// By lower-case name.
    let parameters: [String: String]

    /// - Returns: nil where it is malformed or a parameter comes twice.
    init?(_ text: String) {
        var rest = Substring(text).utf8
        value = String(Self.take(&rest) { $0 != UInt8(ascii: ";") }.trimmed)
        var parameters: [String: String] = [:]
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst().leadingSpaceDropped
            // A semicolon with nothing behind it is common and harmless.
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
    /// - Returns: nil where it is malformed or in another encoding.
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
            // Some clients send paths with bare backslashes: only what needs an escape is taken for one.
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

    /// Without the spaces and tabs at both ends.
    var trimmed: Substring {
        let start = leadingSpaceDropped
        guard let last = start.lastIndex(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else {
            return ""
        }
        return Substring(start[...last])
    }
}
