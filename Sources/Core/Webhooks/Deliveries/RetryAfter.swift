import Modules

/// The header field `Retry-After` (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// - Parameter text: seconds, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    /// - Returns: nil for other text.
    static func wait(_ text: String, at now: Instant) -> Duration? {
        if let seconds = number(text[...], digits: 1...9) { return .seconds(seconds) }
        return date(text).map { max(.zero, $0 - now) }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func date(_ text: String) -> Instant? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].utf8.count == 4, words[5] == "GMT",
            let day = number(words[1], digits: 2...2), let month = months.firstIndex(of: String(words[2])),
            let year = number(words[3], digits: 4...4)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], digits: 2...2),
            let minute = number(clock[1], digits: 2...2),
            let second = number(clock[2], digits: 2...2), hour < 24, minute < 60, second < 60,
            let date = CivilDate(year: year, month: Int64(month) + 1, day: day)
        else { return nil }
        return Instant(seconds: date.dayNumber * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int64? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
