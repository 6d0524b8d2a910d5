import Foundation

/// Parses numbers such as `39.4`, `-1,5`, `1.234,56`, `2e-3`.
enum NumberParser {
    /// The powers of ten that a Double represents exactly.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Nil for text that is not a finite number, such as words, `nan` and empty text.
    static func parse(_ text: UnsafeBufferPointer<UInt8>, decimalComma: Bool) -> Double? {
        guard let bytes = text.baseAddress, text.count > 0 else { return nil }
        let length = text.count
        var at = 0
        let isNegative = bytes[0] == UInt8(ascii: "-")
        if isNegative || bytes[0] == UInt8(ascii: "+") { at = 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var decimals = 0
        var point: UInt8 = 0
        while at < length {
            let byte = bytes[at]
            let digit = byte &- 48
            if digit < 10 {
                digits += 1
                guard digits <= 18 else { return slow(text, decimalComma: decimalComma) }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                if point != 0 { decimals += 1 }
            } else if point == 0, byte == UInt8(ascii: ".") || (decimalComma && byte == UInt8(ascii: ",")) {
                point = byte
            } else {
                return slow(text, decimalComma: decimalComma)
            }
            at += 1
        }
        guard digits > 0 else { return nil }
        // Both numbers are exact in a Double, so their quotient is rounded once, as by strtod (Clinger's fast path).
        guard mantissa < 1 << 53, decimals <= 22 else { return slow(text, decimalComma: decimalComma) }
        let value = Double(mantissa) / powers[decimals]
        return isNegative ? -value : value
    }

    /// Parses exponents, grouped thousands and long numbers with the C library.
    private static func slow(_ text: UnsafeBufferPointer<UInt8>, decimalComma: Bool) -> Double? {
        guard text.count <= 512 else { return nil }
        var plain: [CChar] = []
        plain.reserveCapacity(text.count + 1)
        // Where both marks occur, the last one is the decimal mark and the other one groups thousands.
        let lastComma = decimalComma ? text.lastIndex(of: UInt8(ascii: ",")) : nil
        let lastPoint = text.lastIndex(of: UInt8(ascii: "."))
        for (index, byte) in text.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "e"),
                UInt8(ascii: "E"):
                plain.append(CChar(byte))
            case UInt8(ascii: ","), UInt8(ascii: "."):
                guard byte == UInt8(ascii: ".") || decimalComma else { return nil }
                let other = byte == UInt8(ascii: ",") ? lastPoint : lastComma
                let own = byte == UInt8(ascii: ",") ? lastComma : lastPoint
                if let own, other ?? -1 < own {
                    guard index == own else { return nil }
                    plain.append(CChar(UInt8(ascii: ".")))
                }
            default:
                return nil
            }
        }
        plain.append(0)
        return plain.withUnsafeBufferPointer { buffer -> Double? in
            guard let start = buffer.baseAddress else { return nil }
            var end: UnsafeMutablePointer<CChar>?
            let value = strtod(start, &end)
            guard let end, end > UnsafeMutablePointer(mutating: start), end.pointee == 0, value.isFinite else {
                return nil
            }
            return value
        }
    }
}
