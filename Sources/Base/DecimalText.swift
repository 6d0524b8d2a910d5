extension [UInt8] {
    /// Appends a number in decimal digits, without an intermediate string.
    package mutating func append(decimal value: Int64) {
        DecimalText.withDigits(of: value) { append(contentsOf: $0) }
    }

    /// Appends a number of thousandths or millionths as a decimal fraction.
    /// - Parameters:
    ///   - value: 0 or more.
    ///   - digits: after the point: 3 for thousandths.
    package mutating func append(decimal value: Int64, fractionDigits digits: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DecimalText.digitsMax) { text in
            append(contentsOf: text[DecimalText.write(value, fractionDigits: digits, to: text)...])
        }
    }
}

/// Numbers as decimal text. Every response and every log line has several.
package enum DecimalText {
    /// Bytes of the longest number, with its sign and a point.
    fileprivate static let digitsMax = 24

    /// A number of millionths, such as microseconds as seconds: `0.000250`.
    /// - Parameter value: 0 or more.
    package static func millionths(_ value: Int64) -> String {
        String(unsafeUninitializedCapacity: digitsMax) { text in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: digitsMax) { digits in
                let first = write(value, fractionDigits: 6, to: digits)
                return text.update(fromContentsOf: digits[first...])
            }
        }
    }

    /// The digits of a number, with its sign, for as long as `body` runs.
    package static func withDigits(of value: Int64, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: digitsMax) { text in
            body(UnsafeBufferPointer(rebasing: text[write(value, to: text)...]))
        }
    }

    /// Writes a number to the end of a buffer.
    /// - Returns: the index of its first byte.
    fileprivate static func write(_ value: Int64, to text: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var rest = value.magnitude
        var index = text.count
        repeat {
            index -= 1
            text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if value < 0 {
            index -= 1
            text[index] = UInt8(ascii: "-")
        }
        return index
    }

    /// As ``write(_:to:)``, with a point before the last digits and at least one digit before it.
    fileprivate static func write(
        _ value: Int64, fractionDigits: Int, to text: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        var rest = max(0, value)
        var index = text.count
        for _ in 0..<fractionDigits {
            index -= 1
            text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        index -= 1
        text[index] = UInt8(ascii: ".")
        return write(rest, to: UnsafeMutableBufferPointer(rebasing: text[..<index]))
    }
}
