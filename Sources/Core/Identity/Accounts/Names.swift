import Modules

/// What people may call themselves.
enum Names {
    /// A user name without its white space, or nil where nothing is left of it.
    ///
    /// Signing in takes either name: one that reads as another person's address would stand in that person's way.
    /// - Throws: `validation-failed` at `/username`.
    static func username(_ given: String?, beside emailKey: String) throws(Problem) -> String? {
        guard let name = given?.filter({ !$0.isWhitespace }), !name.isEmpty else { return nil }
        let key = CanonicalText.key(of: name)
        guard !key.contains("@") || key == emailKey else { throw Problem.invalid("/username", "must not contain '@'") }
        guard !name.unicodeScalars.contains(where: \.isInvisible) else {
            throw Problem.invalid("/username", "must not contain characters that cannot be seen")
        }
        guard !Alphabets.areMixed(in: key) else {
            throw Problem.invalid("/username", "mixes letters of different alphabets, as imitations of other names do")
        }
        return name
    }

    /// A text on one line for people to read, such as a name or a telephone number, or nil where nothing is left of it.
    /// - Throws: `validation-failed` at the field, when it holds what could not be seen. Joiners are letters' own in some scripts, and may stand.
    static func line(_ given: String?, _ field: String) throws(Problem) -> String? {
        guard let given else { return nil }
        guard
            !given.unicodeScalars.contains(where: {
                $0.isInvisible && $0 != "\u{200C}" && $0 != "\u{200D}" && !$0.properties.isVariationSelector
            })
        else {
            throw Problem.invalid("/\(field)", "must not contain characters that cannot be seen")
        }
        let trimmed = given.trimmingPrefix(while: \.isWhitespace)
        guard let last = trimmed.lastIndex(where: { !$0.isWhitespace }) else { return nil }
        return String(trimmed[...last])
    }
}
