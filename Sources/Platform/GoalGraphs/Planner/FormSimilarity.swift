/// Finds forms that are like a part of a sentence.
enum FormSimilarity {
    /// More words do not say more of what is meant.
    private static let wordsMax = 30
    private static let count = 3

    /// Three forms, the nearest first; common ones where no word is alike.
    static func nearest(_ part: ArraySlice<SentenceToken>) -> [SentenceForm] {
        let tokens = part.prefix(wordsMax)
        let words = Set(tokens.filter { $0.kind == .word && $0.key.utf8.count <= 40 }.map(\.key))
        let slots = Set(tokens.flatMap(slots))
        let begin = tokens.first?.key ?? ""
        let scored = features.enumerated().compactMap { index, form -> (score: Double, index: Int)? in
            let common = words.intersection(form.words).subtracting(SentenceWords.reserved)
            var score = Double(common.count)
            score += Double(words.intersection(form.form.firstWords).count) * 2
            if !form.form.firstWords.contains(begin), form.form.firstWords.contains(where: { isTypo(begin, of: $0) }) {
                score += 3
            }
            // What a sentence has in slots says something only together with words.
            guard score > 0 else { return nil }
            score += 0.5 * Double(slots.intersection(form.slots).count)
            return (score, index)
        }
        let found = scored.sorted { $0.score == $1.score ? $0.index < $1.index : $0.score > $1.score }
            .prefix(count).map { features[$0.index].form }
        return found.isEmpty ? common : found
    }

    private static let common = features.map(\.form).filter {
        ["fetch.url", "file.read", "mail.content"].contains($0.id)
    }

    private struct Features: Sendable {
        let form: SentenceForm
        let words: Set<String>
        let slots: Set<Slot>
    }

    private static let features = RulePlanner.forms.map { form in
        var words: Set<String> = []
        var slots: Set<Slot> = []
        for part in FormElement.parts(form.elements) {
            switch part {
            case .word(let word): words.insert(word)
            case .slot(let slot, _): slots.insert(slot)
            default: break
            }
        }
        return Features(form: form, words: words, slots: slots)
    }

    /// The slots that a token may fill.
    private static func slots(_ token: SentenceToken) -> [Slot] {
        let matcher = FormMatcher([token], timeZone: "UTC")
        if token.kind == .quoted { return [.text, .content] }
        if matcher.url(at: 0) != nil { return [.url, .content, .source] }
        if matcher.address(at: 0) != nil { return [.addresses] }
        if matcher.file(at: 0) != nil { return [.file, .files, .content, .source] }
        return []
    }

    /// Whether one letter more, less or else makes a word of the other, or two neighbours changed places.
    private static func isTypo(_ word: String, of other: String) -> Bool {
        let (left, right) = (Array(word.utf8), Array(other.utf8))
        guard left.count >= 3, abs(left.count - right.count) <= 1, left != right else { return false }
        let common = zip(left, right).prefix { $0 == $1 }.count
        let (restOfLeft, restOfRight) = (left[common...], right[common...])
        if restOfLeft.dropFirst() == restOfRight.dropFirst() || restOfLeft.dropFirst() == restOfRight
            || restOfLeft == restOfRight.dropFirst()
        {
            return true
        }
        return restOfLeft.count >= 2 && restOfRight.count >= 2
            && restOfLeft.prefix(2).elementsEqual(restOfRight.prefix(2).reversed())
            && restOfLeft.dropFirst(2) == restOfRight.dropFirst(2)
    }
}
