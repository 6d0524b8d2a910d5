/// Names of tools and of their servers, as both model APIs accept them.
enum ToolName {
    /// Whether a text is 1 to `charactersMax` letters, digits, hyphens and underscores.
    static func isValid(_ text: String, upTo charactersMax: Int) -> Bool {
        (1...charactersMax).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
    }

    /// Whether a name may have the byte.
    static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
