import Modules

/// The rules of user names and of other names that people enter.
enum NameRules {
    /// A user name without its white space, or nil where nothing remains.
    ///
    /// A user name that reads as an e-mail address is refused unless it is the account's own: a sign-in accepts either,
    /// and would find this account in place of the address's.
    /// - Throws: `validation-failed` at `/username`.
    static func username(_ input: String?, beside emailKey: String) throws(Problem) -> String? {
        guard let name = input?.filter({ !$0.isWhitespace }), !name.isEmpty else { return nil }
        let key = CanonicalText.accountKey(of: name)
        guard !key.contains("@") || key == emailKey else { throw Problem.invalid("/username", "must not contain '@'") }
        guard !name.unicodeScalars.contains(where: \.isInvisible) else {
            throw Problem.invalid("/username", "must not contain characters that cannot be seen")
        }
        guard !Scripts.areMixed(in: key) else {
            throw Problem.invalid("/username", "mixes letters of different alphabets, as imitations of other names do")
        }
        return name
    }

    /// A name that e-mails carry: one line of text without a web address, or nil where nothing but white space remains.
    /// - Throws: `validation-failed` at the field.
    static func name(_ input: String?, _ field: String) throws(Problem) -> String? {
        let name = try line(input, field)
        guard let name, WebAddresses.occur(in: name) else { return name }
        throw Problem.invalid(
            "/\(field)",
            "must not contain what reads as a web address (write a space after a full stop): e-mails carry it")
    }

    /// One line of text, such as a telephone number, or nil where nothing but white space remains.
    /// - Throws: `validation-failed` at the field for invisible characters, except for joiners and variation
    ///   selectors, which some scripts need.
    static func line(_ input: String?, _ field: String) throws(Problem) -> String? {
        guard let input else { return nil }
        guard
            !input.unicodeScalars.contains(where: {
                $0.isInvisible && $0 != "\u{200C}" && $0 != "\u{200D}" && !$0.properties.isVariationSelector
            })
        else {
            throw Problem.invalid("/\(field)", "must not contain characters that cannot be seen")
        }
        let trimmed = input.trimmingPrefix(while: \.isWhitespace)
        guard let last = trimmed.lastIndex(where: { !$0.isWhitespace }) else { return nil }
        return String(trimmed[...last])
    }
}
