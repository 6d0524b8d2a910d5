/// Why datasets cannot be generated, opened or split: a code for programs and a sentence that says what to do for people.
package struct DatasetFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault, for programs; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// A setting of the recipe is out of its bounds; `field` says which.
        case invalidRecipe = "invalid-recipe"
        /// The arrays would be larger than allowed.
        case tooLarge = "too-large"
        /// Not one dataset is left, or none for the training part.
        case nothingLeft = "nothing-left"
        /// Files on disk are not what the manifest says.
        case damaged
    }

    /// What kind of fault.
    package let code: Code
    /// What is wrong and what would help, in a sentence.
    package let message: String
    /// Where in the recipe, as a JSON pointer such as `/inputs/0/horizon`.
    package let field: String?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }
}
