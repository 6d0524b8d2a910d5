extension StringProtocol {
    /// Whether the text contains U+0000, which PostgreSQL does not store in a text and at which C ends one.
    package var hasNUL: Bool { utf8.withContiguousStorageIfAvailable { $0.contains(0) } ?? utf8.contains(0) }
}

extension String {
    /// The text with U+FFFD in place of U+0000, so that it can be stored.
    package var replacingNUL: String {
        guard hasNUL else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
    }
}
