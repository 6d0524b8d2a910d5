import Foundation

/// Parses the time of a row: a date with a time of day in a common format, or seconds since 1970.
enum TimestampParser {
    /// A parsed timestamp: the wall clock time, and the UTC offset where the text has one.
    struct Stamp {
        /// Seconds since 1970 as if the wall clock were in UTC.
        var wall: Int
        var microseconds: Int
        /// Seconds east of UTC; nil where the text has no offset and the time zone of the file applies.
        var offset: Int?
        var layout: Layout
    }

    /// The format of a timestamp, for the report.
    struct Layout: Equatable {
        var isDayFirst = false
        var separator = UInt8(ascii: "-")
        var hasTime = false
        var hasT = false
        var hasSeconds = false
        var hasFraction = false
        var hasOffset = false

        var description: String {
            let mark = String(UnicodeScalar(separator))
            var text = (isDayFirst ? ["DD", "MM", "YYYY"] : ["YYYY", "MM", "DD"]).joined(separator: mark)
            if hasTime { text += (hasT ? "T" : " ") + "hh:mm" }
            if hasSeconds { text += ":ss" }
            if hasFraction { text += ".s" }
            if hasOffset { text += "±hh:mm" }
            return text
        }
    }

    /// Parses `2010/01/01 00:00`, `2010-01-01T00:00:00.5Z`, `2010-01-01 00:00:00+01:00`, `01.02.2010 13:45`,
    /// `2010-01-01`; nil for anything else.
    ///
    /// Years are 1583 (the first full year of the Gregorian calendar) to 9999.
    static func calendar(_ text: UnsafeBufferPointer<UInt8>) -> Stamp? {
        guard let bytes = text.baseAddress, text.count >= 8 else { return nil }
        let length = text.count
        var at = 0
        var layout = Layout()

        /// A number of at most `digits` digits.
        func number(_ digits: Int) -> Int? {
            var value = 0
            let first = at
            while at < length, at - first < digits {
                let digit = bytes[at] &- 48
                guard digit < 10 else { break }
                value = value * 10 + Int(digit)
                at += 1
            }
            return at > first ? value : nil
        }
        func skip(_ byte: UInt8) -> Bool {
            guard at < length, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        guard let first = number(4), at < length else { return nil }
        layout.separator = bytes[at]
        let firstDigits = at
        guard
            firstDigits == 4
                ? "-/.".utf8.contains(layout.separator) : layout.separator == UInt8(ascii: ".") && firstDigits <= 2
        else { return nil }
        at += 1
        guard let month = number(2), skip(layout.separator) else { return nil }
        let year: Int
        let day: Int
        if firstDigits == 4 {
            guard let last = number(2) else { return nil }
            (year, day) = (first, last)
        } else {
            let start = at
            guard let last = number(4), at - start == 4 else { return nil }
            (year, day) = (last, first)
            layout.isDayFirst = true
        }
        guard year >= 1583, (1...12).contains(month), day >= 1, day <= CivilTime.daysInMonth(year: year, month: month)
        else { return nil }

        var stamp = Stamp(
            wall: CivilTime.days(year: year, month: month, day: day) * CivilTime.secondsPerDay, microseconds: 0,
            layout: layout)
        guard at < length else { return stamp }
        stamp.layout.hasT = bytes[at] == UInt8(ascii: "T") || bytes[at] == UInt8(ascii: "t")
        guard stamp.layout.hasT || bytes[at] == UInt8(ascii: " ") else { return nil }
        at += 1
        while skip(UInt8(ascii: " ")) {}
        guard let hour = number(2), skip(UInt8(ascii: ":")), let minute = number(2), minute < 60 else { return nil }
        stamp.layout.hasTime = true
        var second = 0
        if skip(UInt8(ascii: ":")) {
            guard let value = number(2), value < 60 else { return nil }
            second = value
            stamp.layout.hasSeconds = true
            if skip(UInt8(ascii: ".")) || skip(UInt8(ascii: ",")) {
                let start = at
                guard var fraction = number(6) else { return nil }
                for _ in (at - start)..<6 { fraction *= 10 }
                stamp.microseconds = fraction
                while at < length, bytes[at] &- 48 < 10 { at += 1 }
                stamp.layout.hasFraction = true
            }
        }
        // 24:00:00 is the end of a day.
        guard hour < 24 || (hour == 24 && minute == 0 && second == 0 && stamp.microseconds == 0) else { return nil }
        stamp.wall += hour * 3600 + minute * 60 + second
        while skip(UInt8(ascii: " ")) {}
        guard at < length else { return stamp }

        stamp.layout.hasOffset = true
        if skip(UInt8(ascii: "Z")) || skip(UInt8(ascii: "z")) {
            stamp.offset = 0
        } else if bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
            let sign = bytes[at] == UInt8(ascii: "-") ? -1 : 1
            at += 1
            guard let hours = number(2), hours <= 18 else { return nil }
            var minutes = 0
            if at < length {
                _ = skip(UInt8(ascii: ":"))
                guard let value = number(2), value < 60 else { return nil }
                minutes = value
            }
            stamp.offset = sign * (hours * 3600 + minutes * 60)
        } else if length - at == 3, bytes[at] == UInt8(ascii: "U"), bytes[at + 1] == UInt8(ascii: "T"),
            bytes[at + 2] == UInt8(ascii: "C")
        {
            at += 3
            stamp.offset = 0
        }
        return at == length ? stamp : nil
    }

    /// Converts seconds since 1970 to microseconds; nil where the number is out of range.
    static func epoch(_ seconds: Double) -> Int64? {
        guard seconds.isFinite, abs(seconds) < 1e11 else { return nil }
        return Int64((seconds * 1e6).rounded())
    }
}
