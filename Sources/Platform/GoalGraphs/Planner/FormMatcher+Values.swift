import Base

/// Values of single tokens, and lists of them. Each function returns the position behind the value.
extension FormMatcher {
    /// Items with a comma, "and" or both between them. What follows the last item is left, also where it begins with a
    /// separator: "name and age and sort by age" are two columns.
    /// - Parameter item: gets whether an item stands before it.
    func list<Item>(
        at start: Int, max: Int, _ item: (_ position: Int, _ isFurther: Bool) -> (Item, end: Int)?
    ) -> ([Item], end: Int)? {
        guard let first = item(start, false) else { return nil }
        var (items, end) = ([first.0], first.end)
        while let next = listSeparator(at: end), let further = item(next, true) {
            guard items.count < max else { return nil }
            items.append(further.0)
            end = further.end
        }
        return (items, end)
    }

    private func listSeparator(at position: Int) -> Int? {
        let afterComma = token(position)?.kind == .comma ? position + 1 : position
        let end = isWord("and", at: afterComma) ? afterComma + 1 : afterComma
        return end > position ? end : nil
    }

    func texts(_ list: ([String], end: Int)?) -> (SlotValue, end: Int)? { list.map { (.texts($0.0), $0.end) } }

    func word(at position: Int, of words: Set<String>) -> (SlotValue, end: Int)? {
        guard let token = token(position), token.kind == .word, words.contains(token.key) else { return nil }
        return (.text(token.key), position + 1)
    }

    func quoted(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .quoted, token.text.contains(where: { !$0.isWhitespace })
        else { return nil }
        return (token.text, position + 1)
    }

    func plainWord(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word, !SentenceWords.reserved.contains(token.key) else {
            return nil
        }
        return (token.text, position + 1)
    }

    func url(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word, token.text.utf8.count <= 2_048,
            let scheme = ["http://", "https://"].first(where: { token.key.hasPrefix($0) }),
            let host = token.text.dropFirst(scheme.count).first, host.isLetter || host.isNumber || host == "["
        else { return nil }
        return (token.text, position + 1)
    }

    func address(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word else { return nil }
        if token.key == Tool.ownerAddress { return (Tool.ownerAddress, position + 1) }
        let parts = token.text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, token.text.utf8.count <= 320,
            token.text.utf8.allSatisfy({ $0 < 128 })
        else { return nil }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2,
            labels.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
        else { return nil }
        return (token.text, position + 1)
    }

    /// The name of a column: a word, or a quoted text.
    ///
    /// Behind a separator, a verb or a word such as "also" begins the next step, unless that would end at once: "name,
    /// total" are two columns, and so are "name" and "total" in "name, total and sort by age".
    func column(at position: Int, isFurther: Bool) -> (String, end: Int)? {
        guard let token = token(position), token.text.utf8.count <= 200 else { return nil }
        guard token.kind == .word else { return quoted(at: position) }
        if isFurther, SentenceWords.startsStep(token.key), !isEnd(at: position + 1) { return nil }
        if url(at: position) != nil { return nil }
        return plainWord(at: position)
    }

    /// Whether a step cannot go on here.
    private func isEnd(at position: Int) -> Bool {
        guard let token = token(position) else { return true }
        return switch token.kind {
        case .comma, .semicolon, .period: true
        case .word: token.key == "and" || token.key == "then"
        default: false
        }
    }

    /// A path with an extension, within the workflow's folder. A number such as 19.5 is none.
    func file(at position: Int) -> (String, end: Int)? {
        guard decimal(at: position) == nil, let (path, end) = path(at: position),
            let name = path.split(separator: "/").last,
            let dot = name.lastIndex(of: "."), dot > name.startIndex, (1...10).contains(name[dot...].count - 1),
            name[dot...].dropFirst().allSatisfy({ $0.isLetter || $0.isNumber })
        else { return nil }
        return (path, end)
    }

    func folder(at position: Int) -> (String, end: Int)? {
        guard let (path, end) = path(at: position), token(position)?.kind == .quoted || plainWord(at: position) != nil
        else { return nil }
        return (path.hasSuffix("/") ? String(path.dropLast()) : path, end)
    }

    private func path(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word || token.kind == .quoted,
            (1...512).contains(token.text.utf8.count), !token.text.contains("@"), !token.text.contains("://")
        else { return nil }
        let folders = token.text.split(separator: "/", omittingEmptySubsequences: false)
        let isWithin = folders.enumerated().allSatisfy { index, name in
            // A folder may end with a slash.
            if name.isEmpty { return index > 0 && index == folders.count - 1 }
            return name != "." && name != ".."
                && name.allSatisfy { $0.isLetter || $0.isNumber || "-_.+ ".contains($0) }
        }
        return isWithin ? (token.text, position + 1) : nil
    }

    func number(at position: Int) -> (Int, end: Int)? {
        guard let token = token(position), token.kind == .word,
            let number = SentenceWords.numbers[token.key] ?? Int(token.key),
            (1...TableOperation.rowsMax).contains(number),
            token.key.first != "+"
        else { return nil }
        return (number, position + 1)
    }

    func decimal(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word, DecimalNumber(token.text) != nil else { return nil }
        return (token.text, position + 1)
    }

    func function(at position: Int) -> (SlotValue, end: Int)? {
        guard let token = token(position), token.kind == .word, let name = SentenceWords.functions[token.key] else {
            return nil
        }
        return (.text(name.rawValue), position + 1)
    }

    func order(at position: Int) -> (SlotValue, end: Int)? {
        for (words, order) in SentenceWords.orders where areWords(words, at: position) {
            return (.text(order), position + words.count)
        }
        return nil
    }

    /// - Parameter withTexts: whether a quoted text is content itself; otherwise it may be the name of a file.
    func content(at position: Int, withTexts: Bool) -> (Content, end: Int)? {
        if withTexts, let (text, end) = quoted(at: position) { return (.literal(text), end) }
        if let (words, content) = SentenceWords.outputs.first(where: { areWords($0.0, at: position) }) {
            return (content, position + words.count)
        }
        var position = position
        if isWord("the", at: position) {
            position += 1
            if let (_, end) = word(at: position, of: SentenceWords.outputNouns) {
                // "The page at https://example.com", "the file sales.csv".
                let place = isWord("at", at: end) || isWord("from", at: end) ? end + 1 : end
                if let (url, end) = url(at: place) { return (.url(url), end) }
                if let (path, end) = file(at: end) { return (.file(path), end) }
                return (.previous, end)
            }
        }
        if let (url, end) = url(at: position) { return (.url(url), end) }
        if let (path, end) = file(at: position) { return (.file(path), end) }
        return nil
    }
}
