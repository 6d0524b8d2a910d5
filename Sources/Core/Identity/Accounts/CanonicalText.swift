import Foundation

/// The form in which names and addresses are compared.
enum CanonicalText {
    /// Unicode NFKC and lower case: full-width letters, ligatures and capitals are no way to a second account.
    static func key(of text: String) -> String {
        text.precomposedStringWithCompatibilityMapping.lowercased().precomposedStringWithCompatibilityMapping
    }
}
