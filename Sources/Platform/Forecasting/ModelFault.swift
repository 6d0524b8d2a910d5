/// The reason why a model cannot be trained, loaded or used: a stable code, and a message with a remedy.
package struct ModelFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// The mode cannot be trained.
        case modeNotAvailable = "model-not-available"
        /// A parameter is out of bounds; `field` is its pointer.
        case invalidParameter = "invalid-parameter"
        /// The network would have too many parameters.
        case tooManyParameters = "too-many-parameters"
        /// The mode requires as many input steps as output steps.
        case stepsDiffer = "steps-differ"
        /// The numbers do not fit the shape of the model.
        case shapeMismatch = "shape-mismatch"
        /// Numbers of the training are no longer finite.
        case diverged
        /// A metric overflows, so that the accuracy of the model cannot be stated.
        case notFinite = "not-finite"
        /// The required part of the datasets is empty.
        case emptyPart = "empty-part"
        /// The file is not a model of this format.
        case damagedFile = "damaged-file"
    }

    /// The kind of fault.
    package let code: Code
    /// What is wrong, and a remedy.
    package let message: String
    /// The JSON pointer of the parameter, such as `/neurons`.
    package let field: String?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }
}
