import DomainNames
import Foundation

/// The forms in which names and addresses are compared.
enum CanonicalText {
    /// Unicode NFKC in lower case: full-width letters, ligatures and capitals do not distinguish names.
    static func key(of text: String) -> String {
        text.precomposedStringWithCompatibilityMapping.lowercased().precomposedStringWithCompatibilityMapping
    }

    /// The key of an e-mail address or a user name. The domain of an address is compared by its A-labels, so that
    /// `bücher.example` and `xn--bcher-kva.example` are one mailbox.
    static func accountKey(of text: String) -> String {
        let key = key(of: text)
        guard let separator = key.lastIndex(of: "@"),
            let domain = DomainName.ascii(String(key[key.index(after: separator)...]))
        else { return key }
        return key[...separator] + domain
    }
}
