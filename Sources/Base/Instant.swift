/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, the resolution of PostgreSQL.
package struct Instant: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) { microseconds = seconds * 1_000_000 }

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int64 { microseconds.quotient(flooredBy: 1_000_000) }

    package static func < (left: Instant, right: Instant) -> Bool { left.microseconds < right.microseconds }
    package static func + (left: Instant, right: Duration) -> Instant {
        Instant(microseconds: left.microseconds + right.microseconds)
    }
    package static func - (left: Instant, right: Duration) -> Instant {
        Instant(microseconds: left.microseconds - right.microseconds)
    }
    package static func - (left: Instant, right: Instant) -> Duration {
        .microseconds(left.microseconds - right.microseconds)
    }
}

extension Duration {
    /// Whole microseconds, rounded towards zero.
    package var microseconds: Int64 {
        // Each access to the components divides 128 bits.
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    package static func minutes(_ count: Int64) -> Duration { .seconds(60 * count) }
    package static func hours(_ count: Int64) -> Duration { .seconds(3_600 * count) }
    package static func days(_ count: Int64) -> Duration { .seconds(86_400 * count) }
}

extension Int64 {
    /// - Parameter divisor: positive.
    package func quotient(flooredBy divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// - Parameter divisor: positive.
    /// - Returns: 0 or more.
    package func remainder(flooredBy divisor: Int64) -> Int64 { self - quotient(flooredBy: divisor) * divisor }
}

extension Instant: CustomStringConvertible {
    /// ISO 8601 in UTC, such as `2026-03-01T09:30:00Z`; with microseconds where they are not 0.
    package var description: String {
        let second = seconds
        let date = CivilDate(dayNumber: second.quotient(flooredBy: 86_400))
        let time = second - second.quotient(flooredBy: 86_400) * 86_400
        let fraction = microseconds - second * 1_000_000
        guard (0...9_999).contains(date.year) else {
            let clock = "\(Self.padded(time / 3_600, 2)):\(Self.padded(time / 60 % 60, 2)):\(Self.padded(time % 60, 2))"
            return "\(date)T\(clock)\(fraction == 0 ? "" : "." + Self.padded(fraction, 6))Z"
        }
        // Every log line and most responses contain one, so the common form avoids intermediate strings.
        return String(unsafeUninitializedCapacity: 27) { text in
            var offset = 0
            func put(_ value: Int64, digits: Int, _ separator: Unicode.Scalar) {
                var rest = value
                for digit in stride(from: offset + digits - 1, through: offset, by: -1) {
                    text[digit] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                text[offset + digits] = UInt8(ascii: separator)
                offset += digits + 1
            }
            put(date.year, digits: 4, "-")
            put(date.month, digits: 2, "-")
            put(date.day, digits: 2, "T")
            put(time / 3_600, digits: 2, ":")
            put(time / 60 % 60, digits: 2, ":")
            put(time % 60, digits: 2, fraction == 0 ? "Z" : ".")
            if fraction > 0 { put(fraction, digits: 6, "Z") }
            return offset
        }
    }

    /// Parses ISO 8601 in UTC in the form of ``description``, with up to six decimals.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"), bytes[4] == bytes[7],
            bytes[4] == UInt8(ascii: "-"),
            bytes[13] == bytes[16], bytes[13] == UInt8(ascii: ":"),
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]),
            let hour = Self.number(bytes[11..<13]), let minute = Self.number(bytes[14..<16]),
            let second = Self.number(bytes[17..<19]),
            hour < 24, minute < 60, second < 60, let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            let digits = bytes[20..<(bytes.count - 1)]
            guard bytes[19] == UInt8(ascii: "."), (1...6).contains(digits.count), let value = Self.number(digits) else {
                return nil
            }
            fraction = value
            for _ in digits.count..<6 { fraction *= 10 }
        }
        self.init(microseconds: (date.dayNumber * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    fileprivate static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let instant = Instant(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an ISO 8601 time in UTC")
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A day of the proleptic Gregorian calendar, without a time or a zone.
package struct CivilDate: Hashable, Sendable, CustomStringConvertible {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    /// - Returns: nil for a date that does not exist.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= Self.days(inMonth: month, of: year) else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The day `dayNumber` days after 1970-01-01. Years are counted from March, so that the leap day is the last day.
    /// After https://howardhinnant.github.io/date_algorithms.html.
    package init(dayNumber: Int64) {
        let shifted = dayNumber + 719_468
        let era = shifted.quotient(flooredBy: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01.
    package var dayNumber: Int64 { Self.dayNumber(year: year, month: month, day: day) }

    /// Days since 1970-01-01.
    /// - Parameters:
    ///   - month: 1…12.
    ///   - day: a day beyond the month's end counts into the next month.
    package static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear.quotient(flooredBy: 400)
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The day of the week: 0 on Sunday … 6 on Saturday. 1970-01-01 was a Thursday.
    package static func weekday(dayNumber: Int64) -> Int64 { (dayNumber + 4).remainder(flooredBy: 7) }

    package static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    package static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    package var description: String {
        "\(Instant.padded(year, 4))-\(Instant.padded(month, 2))-\(Instant.padded(day, 2))"
    }
}
