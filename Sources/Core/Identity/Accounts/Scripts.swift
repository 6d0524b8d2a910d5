/// Detects words of letters from several scripts (Unicode Technical Standard 39, section 5).
enum Scripts {
    /// Whether a word has letters of two scripts whose letters look alike.
    static func areMixed(in word: some StringProtocol) -> Bool {
        guard word.utf8.contains(where: { $0 >= 0x80 }) else { return false }
        let word = String(word)
        let present = [
            word.contains(/\p{Script=Latin}/), word.contains(/\p{Script=Cyrillic}/), word.contains(/\p{Script=Greek}/),
            word.contains(/\p{Script=Armenian}/), word.contains(/\p{Script=Cherokee}/),
            word.contains(/\p{Script=Coptic}/),
            word.contains(/\p{Script=Georgian}/), word.contains(/\p{Script=Lisu}/), word.contains(/\p{Script=Deseret}/),
        ]
        return present.count { $0 } > 1
    }
}

extension Unicode.Scalar {
    /// Whether it has no glyph: control characters, marks of direction, joiners, fillers.
    var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: properties.isDefaultIgnorableCodePoint
        }
    }
}
