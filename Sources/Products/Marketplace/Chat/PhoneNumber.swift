import Foundation

/// Finds phone numbers in a message: runs of digits, also as words, with whatever stands between them.
enum PhoneNumber {
    /// Digits of a number where nothing else says that it is one.
    static let digitsMin = 9
    /// Digits of a number behind a plus sign, and behind a word such as "call".
    static let digitsMinInContext = 7

    /// - Parameter text: in lower case.
    static func occurs(in text: String) -> Bool {
        let hasContext = text.range(of: context, options: .regularExpression) != nil
        var run = Run()
        for token in tokens(of: withoutDates(text)) {
            switch token {
            case .digits(let digits, let isPlus): run.append(digits, isPlus: isPlus)
            case .separator(let text): run.separate(text)
            case .word:
                if run.isNumber(hasContext: hasContext) { return true }
                run = Run()
            }
        }
        return run.isNumber(hasContext: hasContext)
    }

    private static let context =
        #"\b(?:call|phone|mobile|cell|text|reach|ring|tel|telephone|dial|sms|whats\s?app|digits"#
        + #"|(?:my|our|his|her)\s+number)\b"#

    /// Digits with what separates them.
    private struct Run {
        private var groups: [String] = []
        private var separators: [String] = []
        private var pending = ""
        private var hasPlus = false

        mutating func append(_ digits: String, isPlus: Bool) {
            if !groups.isEmpty { separators.append(pending) }
            hasPlus = hasPlus || isPlus
            groups.append(digits)
            pending = ""
        }

        mutating func separate(_ text: String) { pending += text }

        /// Whether the groups read as one number.
        func isNumber(hasContext: Bool) -> Bool {
            parts().contains { groups, separators in
                let digits = groups.joined()
                guard digits.count <= 20 || hasContext else { return false }
                let minimum = hasPlus || hasContext ? PhoneNumber.digitsMinInContext : PhoneNumber.digitsMin
                guard digits.count >= minimum, Set(digits).count > 1 || hasContext else { return false }
                return !Self.isRange(groups, separators) && !Self.isAmount(groups, separators)
            }
        }

        /// Groups between which a list has a comma are numbers of their own, unless each is a single digit.
        private func parts() -> [(groups: [String], separators: [String])] {
            var parts: [(groups: [String], separators: [String])] = []
            for (index, group) in groups.enumerated() {
                if index > 0, let last = parts.last {
                    let separator = separators[index - 1]
                    let isList =
                        (separator.contains(",") || separator.contains(";"))
                        && !(group.count == 1 && last.groups.last?.count == 1)
                    if !isList, separator.count <= 4 {
                        parts[parts.count - 1].groups.append(group)
                        parts[parts.count - 1].separators.append(separator)
                        continue
                    }
                }
                parts.append(([group], []))
            }
            return parts
        }

        /// Such as 10000-15000.
        private static func isRange(_ groups: [String], _ separators: [String]) -> Bool {
            groups.count == 2 && groups.allSatisfy { $0.hasSuffix("00") }
                && separators[0].contains { "-–—".contains($0) }
        }

        /// Such as 1.250.000: groups of three behind the first, with one kind of point.
        private static func isAmount(_ groups: [String], _ separators: [String]) -> Bool {
            guard groups.count > 1, let first = separators.first, first == "." || first == "'" else { return false }
            return groups[0].count <= 3 && groups.dropFirst().allSatisfy { $0 == "000" || $0.hasSuffix("00") }
                && groups.dropFirst().allSatisfy { $0.count == 3 } && separators.allSatisfy { $0 == first }
        }
    }

    fileprivate enum Token {
        case digits(String, isPlus: Bool)
        case separator(String)
        case word
    }

    /// Dates and times have as many digits as numbers.
    private static func withoutDates(_ text: String) -> String {
        var text = text
        for pattern in [
            #"\b(?:19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12][0-9]|3[01])\b"#,
            #"\b(?:0?[1-9]|[12][0-9]|3[01])[-/.](?:0?[1-9]|[12][0-9]|3[01])[-/.](?:19|20)?[0-9]{2}\b"#,
            #"\b[0-2]?[0-9][:.][0-5][0-9]\s*(?:h|am|pm)?\s*(?:-|–|to|until|till)\s*[0-2]?[0-9][:.][0-5][0-9]\b"#,
            #"\b[0-2]?[0-9]:[0-5][0-9]\b"#,
            #"[$€£₹]\s?[0-9][0-9.,]*|\b[0-9][0-9.,]*\s?(?:[$€£₹]|usd|eur|inr|gbp|dollars?|euros?|rupees?|rs\b)"#,
        ] {
            text = text.replacingOccurrences(of: pattern, with: " date ", options: .regularExpression)
        }
        return text
    }

    private static let units = [
        "zero": "0", "oh": "0", "nought": "0", "null": "0", "one": "1", "two": "2", "three": "3", "four": "4",
        "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9", "ten": "10", "eleven": "11",
        "twelve": "12",
    ]
    private static let tens = [
        "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
        "ninety": "9",
    ]
    /// Words that people put between the digits of a number.
    private static let fillers: Set = ["dash", "hyphen", "space", "then", "and", "dot", "plus", "minus"]

    private static func tokens(of text: String) -> [Token] {
        var tokens: [Token] = []
        var words = split(text)[...]
        while let word = words.popFirst() {
            guard let first = word.first, first.isLetter || first.isNumber else {
                tokens.append(.separator(word))
                continue
            }
            if let digits = digits(of: word) {
                tokens.append(.digits(digits, isPlus: tokens.last.isPlus))
            } else if let repeated = repetition(word, &words) {
                tokens.append(.digits(repeated, isPlus: false))
            } else if let ten = tens[word] {
                let rest = words.drop { !($0.first?.isLetter ?? false) && $0.count <= 2 && !$0.isEmpty && $0 != "," }
                if let next = rest.first, let unit = units[next], unit.count == 1, unit != "0" {
                    tokens.append(.digits(ten + unit, isPlus: false))
                    words = rest.dropFirst()
                } else {
                    tokens.append(.digits(ten + "0", isPlus: false))
                }
            } else if fillers.contains(word) {
                tokens.append(.separator(" "))
            } else {
                tokens.append(.word)
            }
        }
        return tokens
    }

    /// Digits, a word for one, and digits with letters that look like digits.
    private static func digits(of word: String) -> String? {
        if word.allSatisfy({ $0.isASCII && $0.isNumber }) { return word }
        if let unit = units[word] { return unit }
        var spelled = word
        for (name, digit) in units where digit.count == 1 && spelled.contains(name) {
            spelled = spelled.replacing(name, with: digit)
        }
        if spelled != word, spelled.allSatisfy({ $0.isASCII && $0.isNumber }) { return spelled }
        let isDisguised =
            word.count { $0.isASCII && $0.isNumber } >= 2 && word.allSatisfy { "0123456789oli".contains($0) }
        guard isDisguised else { return word == "o" ? "0" : nil }
        return String(word.map { $0 == "o" ? "0" : $0 == "l" || $0 == "i" ? "1" : $0 })
    }

    /// "double five", "triple nine".
    private static func repetition(_ word: String, _ words: inout ArraySlice<String>) -> String? {
        guard let count = ["double": 2, "triple": 3, "treble": 3][word] else { return nil }
        let rest = words.drop { $0.allSatisfy(\.isWhitespace) }
        guard let next = rest.first, let digit = digits(of: next), digit.count == 1 else { return nil }
        words = rest.dropFirst()
        return String(repeating: digit, count: count)
    }

    /// Words of letters and digits, and what is between them.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        var isWord: Bool?
        for character in text {
            let isInWord = character.isLetter || character.isNumber
            if isInWord == isWord {
                parts[parts.count - 1].append(character)
            } else {
                parts.append(String(character))
                isWord = isInWord
            }
        }
        return parts
    }
}

extension PhoneNumber.Token? {
    fileprivate var isPlus: Bool { if case .separator(let text)? = self { text.hasSuffix("+") } else { false } }
}
