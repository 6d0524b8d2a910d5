import Foundation
package import Modules

/// An e-mail address as mail is sent to it, and the key that it is compared by.
///
/// **Imitations.** A name or a label of the domain whose letters come from alphabets that imitate one another (a Cyrillic "а" among Latin
/// letters) is refused: nobody is called so, and an administrator could not tell it from the genuine one. What is written in one alphabet
/// throughout is accepted, whatever it resembles: it is a different address, and a mail to it proves who reads it.
package struct EmailAddress: Sendable, Hashable {
    /// Unicode NFKC of what was given, so that mail goes where the key says.
    package let text: String
    /// Unicode NFKC, lower case: two spellings of one address have the same key.
    package let key: String

    private static let scalarsMax = 254
    private static let nameScalarsMax = 64
    private static let labelBytesMax = 63
    private static let keyBytesMax = 1_024

    /// - Returns: nil unless `text` has one `@`, a name before it and a domain with a dot behind it, in at most 254 characters, without white
    ///   space or characters that cannot be seen, and imitates no other address.
    package init?(_ text: String) {
        guard let address = try? EmailAddress(reading: text, at: "") else { return nil }
        self = address
    }

    /// - Throws: `validation-failed` at `pointer`, with what is wrong.
    package init(reading given: String, at pointer: String) throws(Problem) {
        func refuse() -> Problem { Problem.invalid(pointer, "is not an e-mail address") }
        let trimmed = given.trimmingCharacters(in: .whitespaces)
        let text = trimmed.precomposedStringWithCompatibilityMapping
        let key = CanonicalText.key(of: text)
        // Some characters unfold into a whole phrase, others into an '@': the bounds hold for what was given and for what it stands for.
        guard Self.isWellFormed(trimmed), Self.isWellFormed(key), key.utf8.count <= Self.keyBytesMax else {
            throw refuse()
        }
        guard !key.split(whereSeparator: { $0 == "@" || $0 == "." }).contains(where: Alphabets.areMixed) else {
            throw Problem.invalid(pointer, "mixes letters of different alphabets, as imitations of other addresses do")
        }
        self.text = text
        self.key = key
    }

    private static func isWellFormed(_ text: String) -> Bool {
        guard text.unicodeScalars.count <= scalarsMax,
            !text.unicodeScalars.contains(where: {
                $0.properties.isWhitespace || $0.isInvisible || $0.properties.generalCategory == .surrogate
            })
        else { return false }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].unicodeScalars.count <= nameScalarsMax else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy {
                !$0.isEmpty && $0.utf8.count <= labelBytesMax && !$0.hasPrefix("-") && !$0.hasSuffix("-")
            }
    }
}

/// Tells texts that are written in one alphabet from those that only look so.
enum Alphabets {
    /// Whether a word has letters of two of the alphabets whose letters look alike (Unicode Technical Standard 39, section 5).
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
    /// Whether it takes no room on a page: control characters, marks of direction, joiners, fillers.
    var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: properties.isDefaultIgnorableCodePoint
        }
    }
}
