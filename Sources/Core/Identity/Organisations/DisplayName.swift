import Foundation

/// A name for display: one line of visible characters.
struct DisplayName: Sendable, Hashable {
    /// Without surrounding white space, in Unicode normalization form C.
    let text: String

    /// - Returns: nil for a blank name, and for one with control or formatting characters.
    init?(_ given: String) {
        let trimmed = given.trimmingCharacters(in: .whitespaces)
        guard !trimmed.isEmpty, !trimmed.unicodeScalars.contains(where: Self.isInvisible) else { return nil }
        text = trimmed.precomposedStringWithCanonicalMapping
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
        default: false
        }
    }
}
