/// Reads a sentence: steps with separators between them, and recurring times at most once, before or behind a step.
///
/// A step is the form that fits most tokens. After a part that is not understood, reading goes on at the next separator
/// with a verb behind it, so that the refusal names all such parts.
struct SentenceParser {
    private let scalars: [Unicode.Scalar]
    private let tokens: [SentenceToken]
    private var matcher: FormMatcher
    private var draft: PlanDraft
    private var trigger: Trigger?
    private var position = 0
    private var faults: [PlanRefusal.Part] = []

    private static let faultsMax = 10
    private static let expectationsMax = 4

    /// - Parameter isNested: whether a step of another sentence runs it later; it has no recurring times then.
    static func graph(_ sentence: String, timeZone: String, isNested: Bool) throws(PlanRefusal) -> GoalGraph {
        let scalars = Array(sentence.unicodeScalars)
        if let index = scalars.firstIndex(where: isHidden) {
            throw PlanRefusal(
                reason: "The sentence has a character without a visible form, which could hide a part of it.",
                range: index..<index + 1)
        }
        var parser = SentenceParser(scalars, timeZone: timeZone, isNested: isNested)
        parser.read()
        guard parser.faults.isEmpty else { throw PlanRefusal(parts: parser.faults) }
        return GoalGraph(nodes: parser.draft.nodes, trigger: parser.trigger)
    }

    /// Control characters, and those that change the direction or have no width.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: !scalar.properties.isWhitespace
        // Emoji and some scripts need the joiners of zero width.
        case .format: scalar != "\u{200C}" && scalar != "\u{200D}"
        case .privateUse: true
        default: false
        }
    }

    private init(_ scalars: [Unicode.Scalar], timeZone: String, isNested: Bool) {
        self.scalars = scalars
        tokens = SentenceTokenizer.tokens(of: scalars)
        matcher = FormMatcher(tokens, timeZone: timeZone)
        draft = PlanDraft { (intent) throws(FormFault) in
            guard !isNested else { throw FormFault("a sentence within a sentence runs no other one") }
            let graph: GoalGraph
            do throws(PlanRefusal) {
                graph = try Self.graph(intent, timeZone: timeZone, isNested: true)
            } catch {
                throw FormFault("the sentence in it is not understood (\(error.description.prefix(500)))")
            }
            guard graph.trigger == nil else { throw FormFault("the times stand outside of the quotation marks") }
        }
    }

    private mutating func read() {
        while position < tokens.count, faults.count < Self.faultsMax {
            skipPoliteness()
            guard position < tokens.count else { break }
            matcher.restart(at: position)
            if readTrigger() { continue }
            guard readStep() else { continue }
            if draft.nodes.count > RulePlanner.stepsMax {
                return fail(0..<tokens.count, "It has more than \(RulePlanner.stepsMax) steps.", isSimilar: false)
            }
            while readTrigger(behindStep: true) {}
            readSeparator()
        }
        guard faults.isEmpty, draft.nodes.isEmpty else { return }
        let reason = trigger == nil ? "The sentence is empty." : "It says when, but not what."
        fail(0..<tokens.count, reason, isSimilar: false)
    }

    private mutating func skipPoliteness() {
        while let words = SentenceWords.politeness.first(where: { matcher.areWords($0, at: position) }) {
            position += words.count
        }
    }

    // MARK: Times

    /// - Parameter behindStep: whether a separator is read by the caller.
    private mutating func readTrigger(behindStep: Bool = false) -> Bool {
        guard let token = matcher.token(position), token.kind == .word, Recurrence.firstWords.contains(token.key),
            let (found, end) = matcher.recurrence(at: position)
        else { return false }
        if let trigger, trigger != found {
            fail(position..<end, "A workflow has one schedule; this is a second one.", isSimilar: false)
        }
        trigger = found
        position = end
        if !behindStep, let kind = matcher.token(position)?.kind, kind == .comma || kind == .colon { position += 1 }
        return true
    }

    // MARK: Steps

    private mutating func readStep() -> Bool {
        var longest: (form: SkillForm, match: FormMatch, end: Int)?
        for form in matcher.token(position).flatMap({ $0.kind == .word ? Skills.byVerb[$0.key] : nil }) ?? [] {
            if let (match, end) = matcher.match(form.form, at: position), end > longest?.end ?? position {
                longest = (form, match, end)
            }
        }
        guard let longest else {
            recover()
            return false
        }
        do throws(FormFault) { try longest.form.build(longest.match, &draft) } catch {
            fail(position..<longest.end, Self.sentence(error.reason), isSimilar: false)
        }
        position = longest.end
        return true
    }

    // MARK: Separators

    /// Reads what stands between two steps: `,`, `;`, `.`, "and", "then" and combinations. Anything else is not
    /// understood.
    private mutating func readSeparator() {
        let start = position
        var isSequence = false
        if let kind = matcher.token(position)?.kind, kind == .comma || kind == .semicolon || kind == .period {
            isSequence = kind != .comma
            // A sentence may end with "?!" or "...".
            repeat { position += 1 } while kind == .period && matcher.token(position)?.kind == .period
        }
        if matcher.isWord("and", at: position) { position += 1 }
        if let words = SentenceWords.sequence.first(where: { matcher.areWords($0, at: position) }) {
            isSequence = true
            position += words.count
            if matcher.token(position)?.kind == .comma { position += 1 }
        }
        if isSequence { draft.startSegment() }
        guard position > start || position == tokens.count else { return recover(isBehindStep: true) }
        // A separator needs a step behind it, except for the end of the sentence.
        if position == tokens.count, start < position, tokens[start..<position].contains(where: { $0.kind == .word }) {
            fail(start..<position, "Something is missing at the end.", isSimilar: false)
        }
    }

    // MARK: Faults

    /// Reports the part from here to the next separator that a step or recurring times follow, and skips it.
    /// - Parameter isBehindStep: whether a step ends where the part begins.
    private mutating func recover(isBehindStep: Bool = false) {
        let start = position
        position += 1
        while position < tokens.count, !isBeginning(position) { position += 1 }
        var end = position
        while end > start + 1, isSeparator(end - 1) { end -= 1 }
        if position < tokens.count || end < position { draft.startSegment() }
        fail(start..<end, reason(start..<end, isBehindStep), isSimilar: true)
    }

    private func isBeginning(_ position: Int) -> Bool {
        let token = tokens[position]
        return token.kind == .word && isSeparator(position - 1)
            && (Skills.verbs.contains(token.key) || Recurrence.firstWords.contains(token.key))
    }

    private func isSeparator(_ position: Int) -> Bool {
        let token = tokens[position]
        return switch token.kind {
        case .comma, .semicolon, .period: true
        case .word: token.key == "and" || token.key == "then"
        default: false
        }
    }

    private func reason(_ part: Range<Int>, _ isBehindStep: Bool) -> String {
        if let rejection = matcher.rejection { return Self.sentence(rejection.reason) }
        if tokens[part].contains(where: { $0.kind == .unclosedQuote }) {
            return "A quotation mark has no second one."
        }
        let (farthest, words, slots) = matcher.farthest
        // Values say more than the words that could stand in their place.
        let expected = slots.isEmpty ? words.map { "'\($0)'" } : slots.map(\.expectation)
        let begins = !isBehindStep && Skills.verbs.contains(tokens[part.lowerBound].key)
        guard !expected.isEmpty, farthest > part.lowerBound || begins else {
            return isBehindStep
                ? "The step before ends here: expected 'and', 'then', a comma or the end."
                : "No step begins like this; steps are in English."
        }
        let place = farthest < tokens.count ? "where '\(tokens[farthest].text.prefix(60))' stands" : "at the end"
        return "Expected \(place): \(expected.prefix(Self.expectationsMax).joined(separator: "; or "))."
    }

    private static func sentence(_ clause: String) -> String {
        clause.prefix(1).uppercased() + clause.dropFirst() + "."
    }

    /// - Parameters:
    ///   - part: tokens.
    ///   - isSimilar: whether forms that are like the part help.
    private mutating func fail(_ part: Range<Int>, _ reason: String, isSimilar: Bool) {
        draft.isIncomplete = true
        let range =
            part.isEmpty
            ? 0..<0 : tokens[part.lowerBound].range.lowerBound..<tokens[part.upperBound - 1].range.upperBound
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range].prefix(PlanRefusal.Part.textMax))
        faults.append(
            PlanRefusal.Part(
                range: range, text: String(text), reason: reason,
                examples: isSimilar ? FormSimilarity.nearest(tokens[part]).map(\.example) : []))
    }
}

extension PlanRefusal {
    /// Of the whole sentence, or of the characters of a range.
    init(reason: String, range: Range<Int> = 0..<0) {
        self.init(parts: [Part(range: range, text: "", reason: reason, examples: [])])
    }
}
