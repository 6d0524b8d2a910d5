/// Finds web addresses in names. E-mails carry names to people who did not ask for them, and mail programs turn web
/// addresses into links, also those without a scheme.
///
/// What reads as a web address is decided by form, because there are more than 1,400 top-level domains, and new ones
/// every year: two labels with a full stop between them and no space behind it, of which the second has the form of a
/// top-level domain. `St. Gallen`, `J.R.R. Tolkien` and `Acme S.p.A.` are names.
enum WebAddresses {
    /// Whether a mail program may turn a part of the text into a link.
    static func occur(in text: String) -> Bool {
        var key = CanonicalText.key(of: text).replacing("\u{3002}", with: ".")
        // A joiner or a variation selector within a web address does not prevent the link.
        key.unicodeScalars.removeAll { $0.isInvisible || $0.properties.isVariationSelector }
        guard !key.contains("://"), !key.contains("www.") else { return true }
        return key.split { !isPartOfHost($0) }.contains(where: containsHost)
    }

    private static func isPartOfHost(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "-" || character == "."
    }

    private static func containsHost(_ word: Substring) -> Bool {
        let labels = word.split(separator: ".", omittingEmptySubsequences: false)
        guard !isTitledName(labels) else { return false }
        return zip(labels, labels.dropFirst()).contains { !$0.isEmpty && isTopLevelDomain($1) } || isIPv4(labels)
    }

    /// Two to 24 letters, or the form of an internationalised one. No country has the code `js`.
    private static func isTopLevelDomain(_ label: Substring) -> Bool {
        guard !label.hasPrefix("xn--") else { return true }
        return (2...24).contains(label.count) && label.allSatisfy(\.isLetter) && label != "js"
    }

    private static func isIPv4(_ labels: [Substring]) -> Bool {
        let numbers = labels.filter { !$0.isEmpty }.map { UInt8($0) }
        return numbers.count == 4 && !numbers.contains(nil)
    }

    /// Titles that people write without a space before the name.
    private static let titles: Set<Substring> = ["dr", "prof", "st", "mr", "mrs", "ms"]
    /// Most web addresses have a shorter top-level domain.
    private static let surnameLettersMin = 5

    /// Whether a word is a title with a name, such as `Dr.Smith`.
    private static func isTitledName(_ labels: [Substring]) -> Bool {
        labels.count == 2 && titles.contains(labels[0]) && labels[1].count >= surnameLettersMin
    }
}
