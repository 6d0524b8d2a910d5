/// Reads patterns: words; `{slot}` and `{name:slot}`; `[optional]`; `(one|other)`.
///
/// Patterns are constants of the program: a fault of one stops it.
struct FormPattern {
    private var rest: Substring

    static func elements(_ pattern: String) -> [FormElement] {
        var reader = FormPattern(rest: pattern[...])
        let elements = reader.sequence()
        precondition(reader.rest.isEmpty, "the pattern '\(pattern)' has a bracket too many")
        return elements
    }

    private mutating func sequence() -> [FormElement] {
        var elements: [FormElement] = []
        while let first = rest.first {
            switch first {
            case " ": rest.removeFirst()
            case "{": elements.append(slot())
            case "[":
                let alternatives = group("]")
                elements.append(.optional(alternatives.count == 1 ? alternatives[0] : [.oneOf(alternatives)]))
            case "(": elements.append(.oneOf(group(")")))
            case "]", ")", "|": return elements
            default:
                let word = rest.prefix { !" {}[]()|".contains($0) }
                rest = rest.dropFirst(word.count)
                elements.append(.word(String(word)))
            }
        }
        return elements
    }

    private mutating func group(_ end: Character) -> [[FormElement]] {
        var alternatives: [[FormElement]] = []
        repeat {
            rest.removeFirst()
            alternatives.append(sequence())
        } while rest.first == "|"
        precondition(rest.first == end, "a pattern lacks '\(end)'")
        rest.removeFirst()
        return alternatives
    }

    private mutating func slot() -> FormElement {
        let text = rest.dropFirst().prefix { $0 != "}" }
        rest = rest.dropFirst(text.count + 2)
        let parts = text.split(separator: ":").map(String.init)
        guard let kind = parts.last, let slot = Slot(rawValue: kind) else {
            preconditionFailure("there is no slot '\(text)'")
        }
        return .slot(slot, name: parts[0])
    }
}
