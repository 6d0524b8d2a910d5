/// Why a model cannot be trained, loaded or asked: a code for programs and a sentence that says what to do for people.
package struct ModelFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault, for programs; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// A mode that is known but cannot be trained yet.
        case modeNotAvailable = "model-not-available"
        /// A parameter is out of its bounds; `field` says which.
        case invalidParameter = "invalid-parameter"
        /// The network would have more parameters than allowed.
        case tooManyParameters = "too-many-parameters"
        /// The mode needs as many input as output steps.
        case stepsDiffer = "steps-differ"
        /// The numbers given do not fit the model's shape.
        case shapeMismatch = "shape-mismatch"
        /// Training ran into numbers that are not finite.
        case diverged
        /// The part of the datasets that is needed is empty.
        case emptyPart = "empty-part"
        /// A file is not a model of ours.
        case damagedFile = "damaged-file"
    }

    /// What kind of fault.
    package let code: Code
    /// What is wrong and what would help, in a sentence.
    package let message: String
    /// Which parameter, as a JSON pointer such as `/neurons`.
    package let field: String?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }
}
