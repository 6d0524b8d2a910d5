import Base

/// Conditions on rows: a column, a comparison and a value.
extension FormMatcher {
    /// One condition, or the two of an interval.
    func condition(at start: Int) -> ([RowCondition], end: Int)? {
        var position = isWord("the", at: start) ? start + 1 : start
        // "The column amount is 5", but "column is 5".
        if isWord("column", at: position), comparison(at: position + 1) == nil { position += 1 }
        guard let (column, afterColumn) = column(at: position, isFurther: false) else { return nil }
        guard let (comparison, end) = comparison(at: afterColumn) else { return nil }
        return (comparison.map { RowCondition(column, $0.comparison, $0.value) }, end)
    }

    private typealias Part = (comparison: RowCondition.Comparison, value: String)

    private func comparison(at position: Int) -> ([Part], end: Int)? {
        if let token = token(position), token.kind == .sign, let sign = Self.signs[token.text] {
            return part(sign, valueAt: position + 1)
        }
        for (words, comparison) in Self.verbs where areWords(words, at: position) {
            return part(comparison, valueAt: position + words.count)
        }
        guard let token = token(position), token.kind == .word, ["is", "are", "was", "were"].contains(token.key) else {
            return interval(at: position)
        }
        let isNegated = isWord("not", at: position + 1)
        let phrase = position + (isNegated ? 2 : 1)
        if !isNegated, let interval = interval(at: phrase) { return interval }
        for (words, comparison) in Self.phrases where areWords(words, at: phrase) {
            guard let comparison = isNegated ? comparison.negated : comparison else { return nil }
            return part(comparison, valueAt: phrase + words.count)
        }
        return part(isNegated ? .notEquals : .equals, valueAt: phrase)
    }

    private static let signs: [String: RowCondition.Comparison] = [
        "=": .equals, "==": .equals, "!=": .notEquals, "≠": .notEquals, ">": .greater, ">=": .atLeast, "≥": .atLeast,
        "<": .less, "<=": .atMost, "≤": .atMost,
    ]

    private static let verbs: [([String], RowCondition.Comparison)] = [
        (["equals"], .equals), (["does", "not", "equal"], .notEquals), (["exceeds"], .greater),
        (["contains"], .contains), (["includes"], .contains), (["does", "not", "contain"], .notContains),
        (["does", "not", "include"], .notContains), (["starts", "with"], .startsWith),
        (["begins", "with"], .startsWith),
        (["ends", "with"], .endsWith),
    ]

    /// Behind "is" or "is not"; of phrases with the same beginning the longest one first.
    private static let phrases: [([String], RowCondition.Comparison)] = {
        var phrases: [([String], RowCondition.Comparison)] = []
        for word in ["greater", "more", "higher", "larger", "bigger"] {
            phrases += [([word, "than", "or", "equal", "to"], .atLeast), ([word, "than"], .greater)]
        }
        for word in ["less", "lower", "smaller", "fewer"] {
            phrases += [([word, "than", "or", "equal", "to"], .atMost), ([word, "than"], .less)]
        }
        return phrases + [
            (["at", "least"], .atLeast), (["at", "most"], .atMost), (["above"], .greater), (["over"], .greater),
            (["below"], .less), (["under"], .less), (["after"], .greater), (["before"], .less),
            (["on", "or", "after"], .atLeast), (["on", "or", "before"], .atMost), (["equal", "to"], .equals),
            (["exactly"], .equals), (["different", "from"], .notEquals), (["empty"], .isEmpty), (["blank"], .isEmpty),
            (["missing"], .isEmpty),
        ]
    }()

    private func part(_ comparison: RowCondition.Comparison, valueAt position: Int) -> ([Part], end: Int)? {
        guard comparison.needsValue else { return ([(comparison, "")], position) }
        guard let (value, end) = value(at: position) else { return nil }
        // A day includes all its times: "after 2026-03-31" is from the next day on.
        if let next = Self.dayAfter(value) {
            switch comparison {
            case .greater: return ([(.atLeast, next)], end)
            case .atMost: return ([(.less, next)], end)
            default: break
            }
        }
        return ([(comparison, value)], end)
    }

    private func value(at position: Int) -> (String, end: Int)? { quoted(at: position) ?? plainWord(at: position) }

    /// `between A and B`, `from A to B`, `in March 2026` and `in 2026`, all of them with their ends.
    private func interval(at position: Int) -> ([Part], end: Int)? {
        for (first, second) in [("between", "and"), ("from", "to")] where isWord(first, at: position) {
            guard let (low, middle) = value(at: position + 1), isWord(second, at: middle),
                let (high, end) = value(at: middle + 1)
            else { return nil }
            if let next = Self.dayAfter(high) { return ([(.atLeast, low), (.less, next)], end) }
            return ([(.atLeast, low), (.atMost, high)], end)
        }
        guard isWord("in", at: position), let word = token(position + 1) else { return nil }
        if let month = SentenceWords.months[word.key], let year = year(at: position + 2) {
            let next = month == 12 ? (year + 1, 1) : (year, month + 1)
            return (Self.days(from: (year, month), until: next), position + 3)
        }
        return year(at: position + 1).map { (Self.days(from: ($0, 1), until: ($0 + 1, 1)), position + 2) }
    }

    private func year(at position: Int) -> Int? {
        guard let token = token(position), token.text.utf8.count == 4, let year = Int(token.text),
            (1_000...9_998).contains(year)
        else { return nil }
        return year
    }

    private static func days(from first: (year: Int, month: Int), until next: (year: Int, month: Int)) -> [Part] {
        func text(_ month: (year: Int, month: Int)) -> String {
            "\(month.year)-\(month.month < 10 ? "0" : "")\(month.month)-01"
        }
        return [(.atLeast, text(first)), (.less, text(next))]
    }

    /// - Returns: nil for a text that is no date of the form `2026-03-31`.
    private static func dayAfter(_ text: String) -> String? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.map(\.utf8.count) == [4, 2, 2], let year = Int64(parts[0]),
            let month = Int64(parts[1]), let day = Int64(parts[2]),
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        return "\(CivilDate(dayNumber: date.dayNumber + 1))"
    }
}
