import Foundation

/// Parses the time of a row: a date with a time of day in a common format.
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
        /// The order of the date; nil where the year is first.
        var order: DateOrder?
        /// Whether day and month could be in the other order.
        var dependsOnOrder = false
        /// The character between year, month and day; nil in digits without any.
        var separator: UInt8? = UInt8(ascii: "-")
        var hasTime = false
        var hasT = false
        var hasSeconds = false
        var hasFraction = false
        var hasHalfDays = false
        var hasOffset = false

        var description: String {
            let mark = separator.map { String(UnicodeScalar($0)) } ?? ""
            let parts =
                switch order {
                case nil: ["YYYY", "MM", "DD"]
                case .dayMonth: ["DD", "MM", "YYYY"]
                case .monthDay: ["MM", "DD", "YYYY"]
                }
            var text = parts.joined(separator: mark)
            if hasTime { text += (hasT ? "T" : " ") + "hh:mm" }
            if hasSeconds { text += ":ss" }
            if hasFraction { text += ".s" }
            if hasHalfDays { text += " AM/PM" }
            if hasOffset { text += "±hh:mm" }
            return text
        }
    }

    /// Parses `2010/01/01 00:00`, `2010-01-01T00:00:00.5Z`, `2010-01-01 00:00:00+01:00`, `01.02.2010 13:45`,
    /// `01/02/2010 01:45 PM`, `20100101T0045`, `2010-01-01`; nil for anything else.
    ///
    /// `order` is that of dates with `/` or `-` that end with the year. Years are 1583 (the first full year of the
    /// Gregorian calendar) to 9999.
    static func calendar(_ text: UnsafeBufferPointer<UInt8>, order: DateOrder = .dayMonth) -> Stamp? {
        guard text.count >= 8 else { return nil }
        var cursor = Cursor(text)
        var layout = Layout()
        guard let first = cursor.number(4), let mark = cursor.next else { return nil }
        let firstDigits = cursor.at
        let year: Int
        let month: Int
        let day: Int
        if firstDigits == 4, mark &- 48 < 10 {
            // 20100101 with a time of day; digits alone are read by `compact`.
            guard let second = cursor.number(2), let third = cursor.number(2), cursor.at == 8 else { return nil }
            (year, month, day) = (first, second, third)
            layout.separator = nil
            guard let next = cursor.next, "Tt :_-".utf8.contains(next) else { return nil }
        } else if firstDigits == 4 {
            guard "-/.".utf8.contains(mark), cursor.skip(mark), let second = cursor.number(2), cursor.skip(mark),
                let third = cursor.number(2)
            else { return nil }
            layout.separator = mark
            (year, month, day) = (first, second, third)
        } else {
            guard firstDigits <= 2, "-/.".utf8.contains(mark), cursor.skip(mark), let second = cursor.number(2),
                cursor.skip(mark)
            else { return nil }
            let start = cursor.at
            guard let third = cursor.number(4), cursor.at - start == 4 else { return nil }
            layout.separator = mark
            layout.dependsOnOrder = mark != UInt8(ascii: ".")
            layout.order = layout.dependsOnOrder ? order : .dayMonth
            let isDayFirst = layout.order == .dayMonth
            (year, month, day) = (third, isDayFirst ? second : first, isDayFirst ? first : second)
        }
        guard year >= 1583, (1...12).contains(month), day >= 1, day <= CivilTime.daysInMonth(year: year, month: month)
        else { return nil }

        var stamp = Stamp(
            wall: CivilTime.days(year: year, month: month, day: day) * CivilTime.secondsPerDay, microseconds: 0,
            layout: layout)
        guard let gap = cursor.next else { return stamp }
        stamp.layout.hasT = gap == UInt8(ascii: "T") || gap == UInt8(ascii: "t")
        guard stamp.layout.hasT || gap == UInt8(ascii: " ") || layout.separator == nil else { return nil }
        cursor.at += 1
        cursor.skipBlanks()
        guard let clock = cursor.clock(allowsDigits: layout.separator == nil) else { return nil }
        stamp.wall += clock.seconds
        stamp.microseconds = clock.microseconds
        stamp.layout.hasTime = true
        stamp.layout.hasSeconds = clock.hasSeconds
        stamp.layout.hasFraction = clock.hasFraction
        stamp.layout.hasHalfDays = clock.hasHalfDays
        cursor.skipBlanks()
        guard cursor.next != nil else { return stamp }
        guard let offset = cursor.offset() else { return nil }
        stamp.offset = offset
        stamp.layout.hasOffset = true
        return cursor.next == nil ? stamp : nil
    }

    /// Parses digits alone: `YYYYMMDD`, `YYYYMMDDhh`, `YYYYMMDDhhmm`, `YYYYMMDDhhmmss`. Years are 1900 to 2100, so that
    /// few other numbers fit.
    static func compact(_ text: UnsafeBufferPointer<UInt8>) -> Stamp? {
        guard [8, 10, 12, 14].contains(text.count), text.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        var cursor = Cursor(text)
        guard let year = cursor.number(4), (1900...2100).contains(year), let month = cursor.number(2),
            (1...12).contains(month), let day = cursor.number(2), day >= 1,
            day <= CivilTime.daysInMonth(year: year, month: month)
        else { return nil }
        let hour = cursor.number(2) ?? 0
        let minute = cursor.number(2) ?? 0
        let second = cursor.number(2) ?? 0
        guard minute < 60, second < 60, hour < 24 || (hour == 24 && minute == 0 && second == 0) else { return nil }
        return Stamp(
            wall: CivilTime.days(year: year, month: month, day: day) * CivilTime.secondsPerDay + hour * 3600
                + minute * 60 + second, microseconds: 0, layout: Layout(separator: nil))
    }

    /// The name of the format of `compact` by its number of digits.
    static func compactFormat(digits: Int) -> String { String("YYYYMMDDhhmmss".prefix(digits)) }

    /// A time of day alone, such as `13:45`, `01:45:30 PM` or `24:00`; nil for anything else.
    static func clock(_ text: UnsafeBufferPointer<UInt8>) -> Clock? {
        var cursor = Cursor(text)
        guard let clock = cursor.clock(allowsDigits: false), cursor.next == nil else { return nil }
        return clock
    }

    /// A time of day.
    struct Clock {
        var seconds = 0
        var microseconds = 0
        var hasSeconds = false
        var hasFraction = false
        var hasHalfDays = false
    }

    /// A position in a text.
    private struct Cursor {
        let bytes: UnsafeBufferPointer<UInt8>
        var at = 0

        init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

        var next: UInt8? { at < bytes.count ? bytes[at] : nil }

        /// A number of at most `digits` digits.
        mutating func number(_ digits: Int) -> Int? {
            var value = 0
            let first = at
            while at < bytes.count, at - first < digits {
                let digit = bytes[at] &- 48
                guard digit < 10 else { break }
                value = value * 10 + Int(digit)
                at += 1
            }
            return at > first ? value : nil
        }

        mutating func skip(_ byte: UInt8) -> Bool {
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        mutating func skipBlanks() { while skip(UInt8(ascii: " ")) {} }

        /// `allowsDigits`: `0045` and `004530` are times too.
        mutating func clock(allowsDigits: Bool) -> Clock? {
            guard var hour = number(2) else { return nil }
            var clock = Clock()
            let hasColon = skip(UInt8(ascii: ":"))
            guard hasColon || allowsDigits, let minute = number(2), minute < 60 else { return nil }
            var second = 0
            if skip(UInt8(ascii: ":")) || (!hasColon && (next ?? 0) &- 48 < 10) {
                guard let value = number(2), value < 60 else { return nil }
                second = value
                clock.hasSeconds = true
                if skip(UInt8(ascii: ".")) || skip(UInt8(ascii: ",")) {
                    let start = at
                    guard var fraction = number(6) else { return nil }
                    for _ in (at - start)..<6 { fraction *= 10 }
                    clock.microseconds = fraction
                    while let digit = next, digit &- 48 < 10 { at += 1 }
                    clock.hasFraction = true
                }
            }
            if let isAfternoon = halfDay() {
                guard (1...12).contains(hour) else { return nil }
                hour = hour % 12 + (isAfternoon ? 12 : 0)
                clock.hasHalfDays = true
            }
            // 24:00:00 is the end of a day.
            guard hour < 24 || (hour == 24 && minute == 0 && second == 0 && clock.microseconds == 0) else { return nil }
            clock.seconds = hour * 3600 + minute * 60 + second
            return clock
        }

        /// `AM`, `pm`, `a.m.` after a time; nil, and the position unchanged, where there is none.
        private mutating func halfDay() -> Bool? {
            let start = at
            skipBlanks()
            guard let letter = next, "AaPp".utf8.contains(letter) else {
                at = start
                return nil
            }
            at += 1
            let hasDot = skip(UInt8(ascii: "."))
            guard skip(UInt8(ascii: "M")) || skip(UInt8(ascii: "m")) else {
                at = start
                return nil
            }
            if hasDot { _ = skip(UInt8(ascii: ".")) }
            return letter == UInt8(ascii: "P") || letter == UInt8(ascii: "p")
        }

        /// `Z`, `UTC` or `±hh:mm` in seconds.
        mutating func offset() -> Int? {
            if skip(UInt8(ascii: "Z")) || skip(UInt8(ascii: "z")) { return 0 }
            if bytes[at...].elementsEqual("UTC".utf8) {
                at += 3
                return 0
            }
            guard let sign = next, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
            at += 1
            guard let hours = number(2), hours <= 18 else { return nil }
            var minutes = 0
            if next != nil {
                _ = skip(UInt8(ascii: ":"))
                guard let value = number(2), value < 60 else { return nil }
                minutes = value
            }
            return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
        }
    }
}
