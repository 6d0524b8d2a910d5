/// A form of sentences that the planner understands.
package struct SentenceForm: Sendable {
    /// Such as `mail.content`.
    package let id: String
    /// Words; `{slot}` and `{name:slot}`; `[optional]`; `(one|other)`.
    package let pattern: String
    package let example: String

    let elements: [FormElement]
    /// One of these begins a sentence of this form.
    let firstWords: Set<String>

    init(_ id: String, _ pattern: String, example: String) {
        self.id = id
        self.pattern = pattern
        self.example = example
        elements = FormPattern.elements(pattern)
        guard let words = FormElement.firstWords(elements) else {
            preconditionFailure("the form '\(id)' begins with a slot")
        }
        firstWords = words
    }
}
