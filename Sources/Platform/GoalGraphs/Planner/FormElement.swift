/// A part of the pattern of a form.
indirect enum FormElement: Hashable, Sendable {
    case word(String)
    case slot(Slot, name: String)
    case optional([FormElement])
    /// The first alternative that fits is taken.
    case oneOf([[FormElement]])
}

extension FormElement {
    /// The words that a text of these elements may begin with; nil where it may begin with a slot.
    static func firstWords(_ elements: [FormElement]) -> Set<String>? {
        var words: Set<String> = []
        for element in elements {
            switch element {
            case .word(let word): return words.union([word])
            case .slot: return nil
            case .oneOf(let alternatives):
                for alternative in alternatives {
                    guard let first = firstWords(alternative) else { return nil }
                    words.formUnion(first)
                }
                return words
            case .optional(let elements):
                guard let first = firstWords(elements) else { return nil }
                words.formUnion(first)
            }
        }
        return words
    }

    /// All words and slots, at any depth.
    static func parts(_ elements: [FormElement]) -> [FormElement] {
        elements.flatMap { element in
            switch element {
            case .word, .slot: [element]
            case .optional(let elements): parts(elements)
            case .oneOf(let alternatives): alternatives.flatMap(parts)
            }
        }
    }
}
