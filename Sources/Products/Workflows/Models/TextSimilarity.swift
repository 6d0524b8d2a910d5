/// How alike two answers are: the Sørensen–Dice coefficient of their words and of their pairs of neighbouring words.
///
/// Case and punctuation do not count, the order of words does. The meaning is not compared: a text in other words, or
/// in another language, is not similar.
enum TextSimilarity {
    /// - Returns: 0 to 1; 1 for texts with the same words in the same order.
    static func of(_ left: String, _ right: String) -> Double {
        let (left, right) = (features(of: left), features(of: right))
        let count = left.values.reduce(0, +) + right.values.reduce(0, +)
        guard count > 0 else { return 1 }
        let common = left.reduce(0) { $0 + min($1.value, right[$1.key] ?? 0) }
        return 2 * Double(common) / Double(count)
    }

    /// Words and pairs with the number of their occurrences.
    private static func features(of text: String) -> [String: Int] {
        var counts: [String: Int] = [:]
        var last: String?
        for word in words(of: text) {
            counts[word, default: 0] += 1
            if let last { counts["\(last) \(word)", default: 0] += 1 }
            last = word
        }
        return counts
    }

    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var word = ""
        func end() {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in text.lowercased() {
            if isWord(character) {
                end()
                words.append(String(character))
            } else if character.isLetter || character.isNumber {
                word.append(character)
            } else {
                end()
            }
        }
        end()
        return words
    }

    /// Whether the character is a word of its own, as in scripts without blanks between words.
    private static func isWord(_ character: Character) -> Bool {
        guard let scalar = character.unicodeScalars.first else { return false }
        return scalar.properties.isIdeographic || withoutBlanks.contains { $0.contains(scalar.value) }
    }

    /// Kana; Thai and Lao; Myanmar; Khmer.
    private static let withoutBlanks: [ClosedRange<UInt32>] = [
        0x3041...0x30FF, 0x0E01...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF,
    ]
}
