package import Base

/// An amount in millionths of a US dollar. A step may cost less than a cent, the smallest amount of ``Money``.
package struct MicroDollars: Hashable, Sendable {
    package let micros: Int64

    package init(_ micros: Int64) { self.micros = micros }

    package static let zero = MicroDollars(0)

    /// In dollars, such as 0.15.
    package var dollars: DecimalNumber {
        DecimalNumber(micros == .min ? -.max : micros, fractionDigits: Self.fractionDigits)
    }

    private static let fractionDigits = 6

    /// The sum, or the greatest amount where it would exceed it: estimates of a graph are summed before they are
    /// validated.
    package static func + (left: Self, right: Self) -> Self {
        let (sum, overflows) = left.micros.addingReportingOverflow(right.micros)
        return Self(overflows ? (left.micros < 0 ? .min : .max) : sum)
    }
}

extension MicroDollars: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.micros < right.micros }
}

extension MicroDollars: CustomStringConvertible {
    /// Such as `0.15 USD`.
    package var description: String { "\(dollars) USD" }
}

/// As a whole number of millionths.
extension MicroDollars: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(micros)
    }
}
