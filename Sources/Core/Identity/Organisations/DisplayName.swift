import Foundation

/// A name for people to read: on one line, with nothing in it that cannot be seen.
struct DisplayName: Sendable, Hashable {
    let text: String

    /// - Returns: nil where nothing would be left, or where there are control or formatting characters.
    init?(_ given: String) {
        let trimmed = given.trimmingCharacters(in: .whitespaces)
        guard !trimmed.isEmpty, !trimmed.unicodeScalars.contains(where: Self.hides) else { return nil }
        text = trimmed.precomposedStringWithCanonicalMapping
    }

    private static func hides(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
        default: false
        }
    }
}
