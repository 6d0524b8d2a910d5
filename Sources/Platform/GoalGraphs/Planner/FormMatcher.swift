/// Matches forms with the tokens of a sentence.
///
/// An optional part that fits is taken, and of alternatives the first one that fits; neither is tried again. Lists are
/// bounded. A form is thus matched in time that its pattern bounds, whatever the sentence is.
struct FormMatcher {
    let tokens: [SentenceToken]
    /// The zone of recurring times without one.
    let timeZone: String
    /// The last token that a form came to, and the words and slots that were expected there.
    private(set) var farthest = (position: 0, words: [String](), slots: [Slot]())

    /// Of a form that fits but does not have a meaning.
    private(set) var rejection: FormFault?

    init(_ tokens: [SentenceToken], timeZone: String) {
        self.tokens = tokens
        self.timeZone = timeZone
    }

    func token(_ position: Int) -> SentenceToken? { position < tokens.count ? tokens[position] : nil }

    func isWord(_ word: String, at position: Int) -> Bool { token(position)?.isWord(word) ?? false }

    /// The words of the tokens from a position on are these.
    func areWords(_ words: [String], at position: Int) -> Bool {
        words.indices.allSatisfy { isWord(words[$0], at: position + $0) }
    }

    mutating func match(_ form: SentenceForm, at start: Int) -> (match: FormMatch, end: Int)? {
        var values: [String: SlotValue] = [:]
        return match(form.elements, at: start, &values).map { (FormMatch(values), $0) }
    }

    /// Drops what was expected before a position.
    mutating func restart(at position: Int) {
        if farthest.position <= position { farthest = (position, [], []) }
        rejection = nil
    }

    /// Notes why a form that fits does not have a meaning.
    mutating func reject(_ fault: FormFault) { rejection = fault }

    /// - Returns: the position behind the elements.
    private mutating func match(
        _ elements: [FormElement], at start: Int, _ values: inout [String: SlotValue]
    ) -> Int? {
        var position = start
        for element in elements {
            switch element {
            case .word(let word):
                guard isWord(word, at: position) else {
                    if isFarthest(position), !farthest.words.contains(word) { farthest.words.append(word) }
                    return nil
                }
                position += 1
            case .slot(let slot, let name):
                guard let (value, end) = value(slot, at: position) else {
                    if isFarthest(position), !farthest.slots.contains(slot) { farthest.slots.append(slot) }
                    return nil
                }
                values[name] = value
                position = end
            case .optional(let elements):
                var attempt = values
                if let end = match(elements, at: position, &attempt) { (position, values) = (end, attempt) }
            case .oneOf(let alternatives):
                guard let end = firstMatch(alternatives, at: position, &values) else { return nil }
                position = end
            }
        }
        return position
    }

    private mutating func firstMatch(
        _ alternatives: [[FormElement]], at position: Int, _ values: inout [String: SlotValue]
    ) -> Int? {
        for alternative in alternatives {
            var attempt = values
            guard let end = match(alternative, at: position, &attempt) else { continue }
            values = attempt
            return end
        }
        return nil
    }

    private mutating func isFarthest(_ position: Int) -> Bool {
        if position > farthest.position { farthest = (position, [], []) }
        return position == farthest.position
    }

    private mutating func value(_ slot: Slot, at position: Int) -> (SlotValue, end: Int)? {
        switch slot {
        case .addresses: texts(list(at: position, max: 20) { position, _ in address(at: position) })
        case .column: column(at: position, isFurther: false).map { (.text($0), $1) }
        case .columns: texts(list(at: position, max: 100) { column(at: $0, isFurther: $1) })
        case .condition: condition(at: position).map { (.conditions($0), $1) }
        case .conditions:
            list(at: position, max: 20) { at, _ in condition(at: at) }.map { (.conditions($0.flatMap { $0 }), $1) }
        case .content: content(at: position, withTexts: true).map { (.content($0), $1) }
        case .date: date(at: position).map { (.date($0), $1) }
        case .days: list(at: position, max: 31) { at, _ in day(at: at) }.map { (.numbers($0), $1) }
        case .decimal: decimal(at: position).map { (.text($0), $1) }
        case .file: file(at: position).map { (.text($0), $1) }
        case .files: texts(list(at: position, max: 20) { at, _ in file(at: at) })
        case .folder: folder(at: position).map { (.text($0), $1) }
        case .format: word(at: position, of: ["csv", "json"])
        case .function: function(at: position)
        case .number: number(at: position).map { (.number($0), $1) }
        case .order: order(at: position)
        case .recurrence: recurrence(at: position).map { (.trigger($0), $1) }
        case .source: content(at: position, withTexts: false).map { (.content($0), $1) }
        case .text: quoted(at: position).map { (.text($0), $1) }
        case .times: times(at: position).map { (.time($0), $1) }
        case .url: url(at: position).map { (.text($0), $1) }
        case .weekdays: weekdays(at: position, arePlural: false).map { (.numbers($0), $1) }
        case .pluralWeekdays: weekdays(at: position, arePlural: true).map { (.numbers($0), $1) }
        case .word: (quoted(at: position) ?? plainWord(at: position)).map { (.text($0), $1) }
        case .zone: zone(at: position).map { (.text($0), $1) }
        }
    }
}
