import Foundation
import Modules

/// A number of a table, with its decimal digits as they are written: 0.1 and 0.2 are 0.3.
struct TableNumber: Sendable, CustomStringConvertible {
    let value: Decimal

    init(_ value: Decimal) { self.value = value }

    /// - Returns: nil for text that is no number of JSON (RFC 8259), white space around it aside, or that has more than
    ///   18 digits.
    init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard DecimalNumber(trimmed) != nil, let value = Decimal(string: trimmed, locale: Self.locale) else {
            return nil
        }
        self.value = value
    }

    private static let locale = Locale(identifier: "en_US_POSIX")
    private static let digitsOfMean = 6

    /// The quotient, rounded to six decimals.
    func divided(by count: Int) -> TableNumber {
        var quotient = value / Decimal(count)
        var rounded = Decimal()
        NSDecimalRound(&rounded, &quotient, Self.digitsOfMean, .plain)
        return TableNumber(rounded)
    }

    var magnitude: TableNumber { TableNumber(value.magnitude) }

    var description: String { value.description }

    var json: JSONValue { .decimal(description) }
}
