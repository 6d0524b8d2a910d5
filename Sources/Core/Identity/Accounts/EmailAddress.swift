import DomainNames
import Foundation
package import Modules

/// An e-mail address as mail is sent to it, and the key by which accounts are compared.
///
/// **Homographs.** A local part or a domain label that mixes scripts whose letters look alike (a Cyrillic "а" among
/// Latin letters) is refused, since an administrator could not distinguish it from the genuine one. A word in one
/// script is accepted, whatever it resembles: it is a different address, and a mail to it verifies who reads it.
package struct EmailAddress: Sendable, Hashable {
    /// Unicode NFKC of the input, so that mail goes to the address of the key.
    package let text: String
    /// ``CanonicalText/accountKey(of:)``: every spelling of one address has the same key.
    package let key: String

    private static let scalarsMax = 254
    private static let localPartScalarsMax = 64
    private static let labelBytesMax = 63
    private static let keyBytesMax = 1_024
    /// Characters that an address outside of quotes cannot contain (RFC 5322, section 3.2.3), with those that delimit
    /// it in texts: `<a@x.org>`, `a@x.org, b@x.org`.
    private static let specials = Set("()<>[]:;\\,\"".unicodeScalars)

    /// - Returns: nil for text that ``init(reading:at:)`` refuses.
    package init?(_ text: String) {
        guard let address = try? EmailAddress(reading: text, at: "") else { return nil }
        self = address
    }

    /// Reads an address of at most 254 characters: one `@`, a local part before it and a domain with a dot behind it,
    /// without white space and invisible characters.
    /// - Throws: `validation-failed` at `pointer`, with the reason.
    package init(reading input: String, at pointer: String) throws(Problem) {
        let trimmed = input.trimmingCharacters(in: .whitespaces)
        let text = trimmed.precomposedStringWithCompatibilityMapping
        let key = CanonicalText.accountKey(of: text)
        // NFKC expands some characters into a phrase, others into an '@': the bounds hold for input and result.
        guard Self.isWellFormed(trimmed), Self.isWellFormed(CanonicalText.key(of: text)),
            key.utf8.count <= Self.keyBytesMax, let domain = key.split(separator: "@").last.map(String.init),
            DomainName.ascii(domain) == domain
        else { throw Problem.invalid(pointer, "is not an e-mail address") }
        let words = key.prefix { $0 != "@" }.split(separator: ".") + DomainName.unicode(domain).split(separator: ".")
        guard !words.contains(where: Scripts.areMixed) else {
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
        guard parts.count == 2, !parts[0].isEmpty, parts[0].unicodeScalars.count <= localPartScalarsMax,
            !text.unicodeScalars.contains(where: specials.contains)
        else {
            return false
        }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy {
                !$0.isEmpty && $0.utf8.count <= labelBytesMax && !$0.hasPrefix("-") && !$0.hasSuffix("-")
            }
    }
}
