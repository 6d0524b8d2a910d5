import Foundation

/// Times of the day, days and time zones.
extension FormMatcher {
    /// One time, or several with the same minutes, which one cron expression can have.
    func times(at position: Int) -> (TimesOfDay, end: Int)? {
        guard let (first, end) = time(at: position) else { return nil }
        let list = list(at: position, max: 24) { position, _ -> (Int, end: Int)? in
            guard let (time, end) = time(at: isWord("at", at: position) ? position + 1 : position),
                time.minute == first.minute
            else { return nil }
            return (time.hour, end)
        }
        guard let list else { return (TimesOfDay(hours: [first.hour], minute: first.minute), end) }
        return (TimesOfDay(hours: Set(list.0).sorted(), minute: first.minute), list.end)
    }

    private func time(at position: Int) -> ((hour: Int, minute: Int), end: Int)? {
        guard let token = token(position), token.kind == .word else { return nil }
        if token.key == "noon" { return ((12, 0), position + 1) }
        if token.key == "midnight" { return ((0, 0), position + 1) }
        var text = token.key[...]
        var end = position + 1
        var half = Self.halves.first { text.hasSuffix($0.key) }
        if let half {
            text = text.dropLast(half.key.count)
        } else if let next = self.token(end), let named = Self.halves.first(where: { next.key == $0.key }) {
            half = named
            end += 1
        } else if isWord("o'clock", at: end) {
            end += 1
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy(\.isASCII) }),
            parts.count == 1 || parts[1].count == 2,
            let hour = Int(parts[0]), let minute = parts.count == 2 ? Int(parts[1]) : 0, (0...59).contains(minute)
        else { return nil }
        if let half {
            guard (1...12).contains(hour) else { return nil }
            return ((hour % 12 + half.hours, minute), end)
        }
        guard (0...23).contains(hour) else { return nil }
        return ((hour, minute), end)
    }

    /// The longer spellings first.
    private static let halves: [(key: String, hours: Int)] = [("a.m", 0), ("p.m", 12), ("am", 0), ("pm", 12)]

    /// Names, ranges from one to another, "weekday" and "weekend"; the numbers of cron, Sunday being 0.
    /// - Parameter arePlural: accepts "Mondays" alone: "on Monday" is a single day.
    func weekdays(at position: Int, arePlural: Bool) -> ([Int], end: Int)? {
        list(at: position, max: 7) { position, _ -> ([Int], end: Int)? in
            guard !arePlural || token(position)?.key.hasSuffix("s") == true else { return nil }
            return weekdayRange(at: position)
        }
        .map { (Set($0.0.flatMap { $0 }).sorted(), $0.end) }
    }

    private func weekdayRange(at position: Int) -> ([Int], end: Int)? {
        guard let token = token(position), token.kind == .word else { return nil }
        switch token.key {
        case "weekday", "weekdays": return ([1, 2, 3, 4, 5], position + 1)
        case "weekend", "weekends": return ([0, 6], position + 1)
        default: break
        }
        let names = token.key.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard names.count <= 2, let first = SentenceWords.weekdays[names[0]] else { return nil }
        if names.count == 2 {
            return SentenceWords.weekdays[names[1]].map { (Self.weekdays(from: first, to: $0), position + 1) }
        }
        if isWord("to", at: position + 1) || isWord("through", at: position + 1), let name = self.token(position + 2),
            let last = SentenceWords.weekdays[name.key]
        {
            return (Self.weekdays(from: first, to: last), position + 3)
        }
        return ([first], position + 1)
    }

    /// The days from one to another, also across the weekend.
    private static func weekdays(from first: Int, to last: Int) -> [Int] {
        (first...(last < first ? last + 7 : last)).map { $0 % 7 }
    }

    /// A day of the month: `1st`, `first`, `1`.
    func day(at start: Int) -> (Int, end: Int)? {
        let position = isWord("the", at: start) ? start + 1 : start
        guard let token = token(position), token.kind == .word else { return nil }
        if let day = SentenceWords.ordinals[token.key] { return (day, position + 1) }
        let digits = token.key.prefix { $0.isASCII && $0.isNumber }
        guard let day = Int(digits), (1...31).contains(day),
            ["", "st", "nd", "rd", "th"].contains(String(token.key.dropFirst(digits.count)))
        else { return nil }
        return (day, position + 1)
    }

    /// `1 March`, `the 1st of March`, `March 1`.
    func date(at position: Int) -> (YearDay, end: Int)? {
        if let month = month(at: position), let (day, end) = day(at: position + 1) {
            return YearDay(month: month, day: day).map { ($0, end) }
        }
        guard let (day, afterDay) = day(at: position) else { return nil }
        let name = isWord("of", at: afterDay) ? afterDay + 1 : afterDay
        guard let month = month(at: name) else { return nil }
        return YearDay(month: month, day: day).map { ($0, name + 1) }
    }

    private func month(at position: Int) -> Int? { token(position).flatMap { SentenceWords.months[$0.key] } }

    /// An identifier of the IANA database.
    func zone(at position: Int) -> (String, end: Int)? {
        guard let token = token(position), token.kind == .word, (3...64).contains(token.text.utf8.count),
            token.text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "/_+-".contains($0)) }),
            token.text.contains("/") || token.text == "UTC" || token.text == "GMT",
            TimeZone(identifier: token.text) != nil
        else { return nil }
        return (token.text, position + 1)
    }
}
