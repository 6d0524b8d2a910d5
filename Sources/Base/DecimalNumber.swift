/// A decimal number as it is written, such as `199.50`: whole units of a power of ten, never a binary float.
package struct DecimalNumber: Hashable, Sendable {
    /// The number is `units` / 10^`fractionDigits`.
    package let units: Int64
    /// Without zeros at the end of the fraction: `199.50` has 1.
    package let fractionDigits: Int

    /// - Parameters:
    ///   - units: not `Int64.min`.
    ///   - fractionDigits: 0…18.
    package init(_ units: Int64, fractionDigits: Int = 0) {
        var (units, digits) = (units, fractionDigits)
        while digits > 0, units % 10 == 0 { (units, digits) = (units / 10, digits - 1) }
        (self.units, self.fractionDigits) = (units, digits)
    }

    /// Parses a number of JSON (RFC 8259), with or without an exponent.
    /// - Returns: nil for any other text, and for a number of more than 18 digits, before or behind the point.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let mantissa = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isNegative = mantissa[0].hasPrefix("-")
        let whole = isNegative ? mantissa[0].dropFirst() : mantissa[0][...]
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        let written = (String(whole) + fraction).utf8
        guard !whole.isEmpty, mantissa.count == 1 || !fraction.isEmpty,
            written.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        var exponent = 0
        if parts.count > 1 {
            guard let value = Int(parts[1]), (-1_000...1_000).contains(value) else { return nil }
            exponent = value
        }
        var digits = Array(written.drop { $0 == UInt8(ascii: "0") })
        var scale = fraction.utf8.count - exponent
        while scale > 0, digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            scale -= 1
        }
        guard !digits.isEmpty else {
            self.init(0)
            return
        }
        if scale < 0, digits.count - scale <= Self.digitsMax {
            digits += [UInt8](repeating: UInt8(ascii: "0"), count: -scale)
            scale = 0
        }
        guard digits.count <= Self.digitsMax, (0...Self.digitsMax).contains(scale) else { return nil }
        let value = digits.reduce(0 as Int64) { value, digit in value * 10 + Int64(digit - UInt8(ascii: "0")) }
        self.init(isNegative ? -value : value, fractionDigits: scale)
    }

    /// - Returns: nil for a value that is no number, and as ``init(_:)-(StringProtocol)``.
    package init?(json value: JSONValue) {
        switch value {
        case .integer(let value) where value != .min: self.init(value)
        // The shortest text that denotes a Double is what was written: the parser keeps longer ones as text.
        case .number(let value) where value.isFinite: self.init(value.description)
        case .decimal(let text): self.init(text)
        default: return nil
        }
    }

    /// Digits that fit into 64 bits, whichever they are.
    private static let digitsMax = 18

    /// The number of units of 10^-`digits`.
    /// - Returns: nil where the number has more fraction digits, or too many units for 64 bits.
    package func units(fractionDigits digits: Int) -> Int64? {
        guard digits >= fractionDigits else { return nil }
        var value = units
        for _ in fractionDigits..<digits {
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            guard !overflows else { return nil }
            value = product
        }
        return value
    }

    /// The digits with a point before the last `digits` of them, such as `199.50` of 1,995 tenths for 2.
    /// - Parameter digits: at least ``fractionDigits``; filled up with zeros.
    package func text(fractionDigits digits: Int) -> String {
        precondition(digits >= fractionDigits, "a number is not rounded")
        let sign = units < 0 ? "-" : ""
        let all = String(units.magnitude) + String(repeating: "0", count: digits - fractionDigits)
        guard digits > 0 else { return sign + all }
        let padded = String(repeating: "0", count: max(0, digits + 1 - all.count)) + all
        return "\(sign)\(padded.dropLast(digits)).\(padded.suffix(digits))"
    }
}

extension DecimalNumber: CustomStringConvertible {
    /// The shortest text, such as `199.5`.
    package var description: String { text(fractionDigits: fractionDigits) }
}

extension DecimalNumber: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let number = DecimalNumber(json: try container.decode(JSONValue.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a decimal number of at most 18 digits")
        }
        self = number
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(JSONValue.decimal(description))
    }
}
