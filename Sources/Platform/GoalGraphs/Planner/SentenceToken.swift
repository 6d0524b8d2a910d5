/// A word, a quoted text or a sign of a sentence.
struct SentenceToken: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case word
        /// A text between quotation marks.
        case quoted
        /// A quotation mark without a second one, and everything behind it.
        case unclosedQuote
        case comma
        case semicolon
        /// The end of a sentence: a full stop, an exclamation or a question mark.
        case period
        case colon
        /// `<`, `>=`, `≠`, a bracket: anything else.
        case sign
    }

    let kind: Kind
    /// Without quotation marks.
    let text: String
    /// The text in lower case, by which words of forms are recognised.
    let key: String
    /// In code points of the sentence, with quotation marks.
    let range: Range<Int>

    init(_ kind: Kind, _ text: String, _ range: Range<Int>) {
        self.kind = kind
        self.text = text
        self.key = kind == .word ? text.lowercased() : text
        self.range = range
    }

    func isWord(_ word: String) -> Bool { kind == .word && key == word }
}
