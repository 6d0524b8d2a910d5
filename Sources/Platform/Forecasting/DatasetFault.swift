/// The reason why datasets cannot be generated, opened or split: a stable code, and a message with a remedy.
package struct DatasetFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// A setting of the recipe is out of bounds; `field` is its pointer.
        case invalidRecipe = "invalid-recipe"
        /// The arrays would exceed their largest size.
        case tooLarge = "too-large"
        /// No dataset remains, or none for the training part.
        case nothingLeft = "nothing-left"
        /// Values of a column, or their width, are not finite numbers.
        case notFinite = "not-finite"
        /// The files contradict the manifest.
        case damaged
    }

    /// The kind of fault.
    package let code: Code
    /// What is wrong, and a remedy.
    package let message: String
    /// The JSON pointer of the setting in the recipe, such as `/inputs/0/horizon`.
    package let field: String?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }
}
