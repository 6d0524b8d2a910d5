/// Divides a sentence into tokens, in one pass.
struct SentenceTokenizer {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var tokens: [SentenceToken] = []

    /// Opening quotation marks and those that close them. An apostrophe opens only before a word.
    private static let quotes: [Unicode.Scalar: Set<Unicode.Scalar>] = [
        "\"": ["\""], "'": ["'"], "`": ["`"], "“": ["”"], "„": ["“", "”"], "«": ["»"], "‘": ["’"],
    ]
    private static let signs: Set<Unicode.Scalar> = ["<", ">", "=", "≥", "≤", "≠", "(", ")", "[", "]", "{", "}", "|"]
    private static let sentenceEnds: Set<Unicode.Scalar> = [".", "!", "?", "…"]

    static func tokens(of scalars: [Unicode.Scalar]) -> [SentenceToken] {
        var tokenizer = SentenceTokenizer(scalars)
        while tokenizer.position < scalars.count { tokenizer.readToken() }
        return tokenizer.tokens
    }

    private init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private mutating func readToken() {
        let scalar = scalars[position]
        switch scalar {
        case _ where scalar.properties.isWhitespace: position += 1
        case ",": add(.comma, length: 1)
        case ";": add(.semicolon, length: 1)
        case ":": add(.colon, length: 1)
        case "!" where peek(1) == "=": add(.sign, length: 2)
        case "<", ">", "=": add(.sign, length: peek(1) == "=" ? 2 : 1)
        case _ where Self.sentenceEnds.contains(scalar): add(.period, length: 1)
        case _ where Self.signs.contains(scalar): add(.sign, length: 1)
        case _ where Self.quotes[scalar] != nil: readQuote()
        default: readWord()
        }
    }

    private func peek(_ distance: Int) -> Unicode.Scalar? {
        position + distance < scalars.count ? scalars[position + distance] : nil
    }

    private mutating func add(_ kind: SentenceToken.Kind, length: Int) {
        tokens.append(SentenceToken(kind, text(position..<position + length), position..<position + length))
        position += length
    }

    private func text(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range])
        return String(text)
    }

    private mutating func readQuote() {
        let start = position
        let closing = Self.quotes[scalars[start]] ?? []
        // An apostrophe within a word does not close.
        let isSingle = scalars[start] == "'" || scalars[start] == "‘"
        var end = start + 1
        while end < scalars.count {
            if closing.contains(scalars[end]) {
                guard isSingle, end + 1 < scalars.count, Self.isLetterOrDigit(scalars[end + 1]) else { break }
            }
            end += 1
        }
        let isClosed = end < scalars.count
        position = isClosed ? end + 1 : scalars.count
        tokens.append(
            SentenceToken(isClosed ? .quoted : .unclosedQuote, text(start + 1..<end), start..<position))
    }

    private mutating func readWord() {
        let start = position
        let isURL = startsURL()
        while position < scalars.count, !endsWord(scalars[position], isURL: isURL) { position += 1 }
        // Signs at the end of a word belong to the sentence.
        var end = position
        while end > start + 1, Self.closesWord(scalars[end - 1]) { end -= 1 }
        position = end
        let token = SentenceToken(.word, text(start..<end), start..<end)
        tokens.append(token)
        // The full stop of an abbreviation does not end the sentence.
        if token.key.hasSuffix("a.m") || token.key.hasSuffix("p.m"), position < scalars.count, scalars[position] == "."
        {
            position += 1
        }
    }

    private func startsURL() -> Bool {
        for scheme in ["http://", "https://"] {
            let prefix = scalars[position...].prefix(scheme.unicodeScalars.count)
            if prefix.count == scheme.unicodeScalars.count,
                text(prefix.startIndex..<prefix.endIndex).lowercased() == scheme
            {
                return true
            }
        }
        return false
    }

    private func endsWord(_ scalar: Unicode.Scalar, isURL: Bool) -> Bool {
        if scalar.properties.isWhitespace { return true }
        // RFC 3986 excludes these from URLs.
        if isURL { return scalar == "\"" || scalar == "<" || scalar == ">" || scalar == "“" || scalar == "”" }
        return scalar == "," || scalar == ";" || Self.signs.contains(scalar)
            || (Self.quotes[scalar] != nil && scalar != "'" && scalar != "`")
    }

    private static func closesWord(_ scalar: Unicode.Scalar) -> Bool {
        sentenceEnds.contains(scalar) || scalar == "," || scalar == ";" || scalar == ":" || scalar == ")"
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
}
