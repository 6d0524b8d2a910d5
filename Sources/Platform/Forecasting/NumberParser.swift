import Foundation

/// Parses numbers such as `39.4`, `-1,5`, `1.234,56`, `1’000.5`, `2e-3`, of which the decimal mark is known.
enum NumberParser {
    /// The content of a field.
    enum Reading: Equatable {
        case number(Double)
        /// Empty, a known marker of a missing value such as `n/a`, or a number that is not finite.
        case missing
        /// Anything else.
        case text
    }

    /// The powers of ten that a Double represents exactly.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
    /// The words, in lower case, that stand for a missing value.
    private static let markers: Set<String> = [
        "-", "--", "---", "–", "—", ".", "..", "?", "*", "x", "na", "n/a", "n.a.", "#n/a", "#n/v", "#nv", "#wert!",
        "#value!", "#div/0!", "#num!", "nan", "-nan", "null", "(null)", "none", "nil", "nothing", "missing", "unknown",
        "unavailable", "undefined", "no data", "nodata", "k.a.", "k. a.", "keine angabe", "fehlt", "leer", "\\n",
        "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "∞", "-∞",
    ]
    private static let markerBytesMax = 16

    /// Reads a field whose decimal mark is `decimal`; the other mark, blanks and apostrophes group thousands.
    static func read(_ text: UnsafeBufferPointer<UInt8>, decimal: UInt8) -> Reading {
        guard let bytes = text.baseAddress, text.count > 0 else { return .missing }
        let length = text.count
        var at = 0
        let isNegative = bytes[0] == UInt8(ascii: "-")
        if isNegative || bytes[0] == UInt8(ascii: "+") { at = 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var decimals = 0
        var hasPoint = false
        while at < length {
            let byte = bytes[at]
            let digit = byte &- 48
            if digit < 10 {
                digits += 1
                guard digits <= 18 else { return slow(text, decimal: decimal) }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                if hasPoint { decimals += 1 }
            } else if !hasPoint, byte == decimal {
                hasPoint = true
            } else {
                return slow(text, decimal: decimal)
            }
            at += 1
        }
        // Both numbers are exact in a Double, so their quotient is rounded once, as by strtod (Clinger's fast path).
        guard digits > 0, mantissa < 1 << 53, decimals <= 22 else { return slow(text, decimal: decimal) }
        let value = Double(mantissa) / powers[decimals]
        return .number(isNegative ? -value : value)
    }

    /// The number of a field that has no grouped thousands, with either decimal mark; nil for anything else.
    static func plain(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        let comma = text.contains(UInt8(ascii: ","))
        if comma, text.contains(UInt8(ascii: ".")) { return nil }
        guard case .number(let value) = read(text, decimal: comma ? UInt8(ascii: ",") : UInt8(ascii: ".")) else {
            return nil
        }
        return value
    }

    /// Whether a field is a number under one of the two decimal marks.
    static func isNumber(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        if case .number = read(text, decimal: UInt8(ascii: ".")) { return true }
        if case .number = read(text, decimal: UInt8(ascii: ",")) { return true }
        return false
    }

    /// Whether a field is a known marker of a missing value. An empty field is none.
    static func isMarker(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count > 0, text.count <= markerBytesMax else { return false }
        return markers.contains(String(decoding: text, as: UTF8.self).lowercased())
    }

    /// A mark that groups thousands: the length of its encoding at `index`, and the mark itself; nil for other bytes.
    static func groupingMark(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> (length: Int, mark: UInt32)? {
        switch text[index] {
        case UInt8(ascii: "'"), UInt8(ascii: " "): return (1, UInt32(text[index]))
        // The no-break space and the right quotation mark of Windows-1252.
        case 0xa0: return (1, 0xa0)
        case 0x92: return (1, 0x2019)
        case 0xc2 where index + 1 < text.count && text[index + 1] == 0xa0: return (2, 0xa0)
        case 0xe2 where index + 2 < text.count && text[index + 1] == 0x80:
            // U+2009 and U+202F are the thin and the narrow no-break space, U+2019 is the right quotation mark.
            switch text[index + 2] {
            case 0x89: return (3, 0x2009)
            case 0xaf: return (3, 0x202f)
            case 0x99: return (3, 0x2019)
            default: return nil
            }
        default: return nil
        }
    }

    /// The number of bytes of a sign at the beginning, and whether it is a minus. U+2212 is the minus of typography.
    static func sign(_ text: UnsafeBufferPointer<UInt8>) -> (length: Int, isMinus: Bool) {
        if text.starts(with: [0xe2, 0x88, 0x92]) { return (3, true) }
        if text.first == UInt8(ascii: "-") { return (1, true) }
        return (text.first == UInt8(ascii: "+") ? 1 : 0, false)
    }

    /// Parses exponents, grouped thousands and long numbers with the C library.
    private static func slow(_ text: UnsafeBufferPointer<UInt8>, decimal: UInt8) -> Reading {
        if isMarker(text) { return .missing }
        guard text.count <= 512, let plain = normalised(text, decimal: decimal) else { return .text }
        return plain.withUnsafeBufferPointer { buffer -> Reading in
            guard let start = buffer.baseAddress else { return .text }
            var end: UnsafeMutablePointer<CChar>?
            let value = strtod(start, &end)
            guard let end, end > UnsafeMutablePointer(mutating: start), end.pointee == 0 else { return .text }
            return value.isFinite ? .number(value) : .missing
        }
    }

    /// The number as C text; nil where it has other characters, or where its thousands are not groups of three digits.
    private static func normalised(_ text: UnsafeBufferPointer<UInt8>, decimal: UInt8) -> [CChar]? {
        let other = decimal == UInt8(ascii: ",") ? UInt8(ascii: ".") : UInt8(ascii: ",")
        let (signLength, isMinus) = sign(text)
        var plain: [CChar] = isMinus ? [CChar(UInt8(ascii: "-"))] : []
        plain.reserveCapacity(text.count + 2)
        var at = signLength
        // The digits since the last mark, and the mark that groups.
        var run = 0
        var digits = 0
        var grouping: UInt32?
        var isFraction = false
        loop: while at < text.count {
            let byte = text[at]
            if byte &- 48 < 10 {
                plain.append(CChar(byte))
                (run, digits, at) = (run + 1, digits + 1, at + 1)
                continue
            }
            if byte == decimal, !isFraction {
                guard grouping == nil || run == 3 else { return nil }
                isFraction = true
                plain.append(CChar(UInt8(ascii: ".")))
                (run, at) = (0, at + 1)
                continue
            }
            if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") { break loop }
            let mark = byte == other ? (length: 1, mark: UInt32(other)) : groupingMark(text, at: at)
            guard let mark, !isFraction, grouping == nil || grouping == mark.mark,
                grouping == nil ? (1...3).contains(run) : run == 3
            else { return nil }
            grouping = mark.mark
            (run, at) = (0, at + mark.length)
        }
        guard digits > 0, grouping == nil || isFraction || run == 3 else { return nil }
        if at < text.count {
            plain.append(CChar(UInt8(ascii: "e")))
            at += 1
            if at < text.count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
                plain.append(CChar(text[at]))
                at += 1
            }
            guard at < text.count else { return nil }
            while at < text.count {
                guard text[at] &- 48 < 10 else { return nil }
                plain.append(CChar(text[at]))
                at += 1
            }
        }
        plain.append(0)
        return plain
    }
}
