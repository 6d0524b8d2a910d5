/// Why a sentence is not planned: every part that was not understood. No step of such a sentence runs.
package struct PlanRefusal: Error, Hashable, Sendable {
    /// A part of the sentence.
    package struct Part: Hashable, Sendable {
        /// In Unicode code points from the start of the sentence.
        package let range: Range<Int>
        /// These characters, at most ``textMax``.
        package let text: String
        /// A sentence.
        package let reason: String
        /// Examples of forms that are like it, at most three, the nearest first.
        package let examples: [String]

        package static let textMax = 200
    }

    /// At least one, in the order of the sentence.
    package let parts: [Part]
}

extension PlanRefusal: CustomStringConvertible {
    /// The reasons, each with its part.
    package var description: String {
        parts.map { $0.text.isEmpty ? $0.reason : "'\($0.text)': \($0.reason)" }.joined(separator: " ")
    }
}
