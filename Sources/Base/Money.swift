import Foundation

/// An amount in whole minor units of its currency (cents, paise).
package struct Money: Hashable, Sendable, Codable {
    package let minorUnits: Int64
    package let currency: Currency

    package init(_ minorUnits: Int64, _ currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }
}

extension Money {
    /// Parses an amount in major units, as clients of the five systems send it.
    /// - Returns: nil for more decimals than the currency has, or more minor units than 64 bits hold.
    package init?(major: DecimalNumber, _ currency: Currency) {
        guard let units = major.units(fractionDigits: currency.fractionDigits) else { return nil }
        self.init(units, currency)
    }

    /// The amount in major units, such as 199.5.
    package var major: DecimalNumber { DecimalNumber(minorUnits, fractionDigits: currency.fractionDigits) }

    /// The amount in major units with all decimals of the currency, such as `199.50`.
    package var text: String { major.text(fractionDigits: currency.fractionDigits) }
}

extension Money: CustomStringConvertible {
    /// Such as `199.50 USD`.
    package var description: String { "\(text) \(currency.code.uppercased())" }
}

/// An ISO 4217 code in lower case, as Stripe writes it.
package struct Currency: Hashable, Sendable, Codable {
    package let code: String

    /// - Returns: nil unless `code` is three letters a–z.
    package init?(_ code: String) {
        let lower = code.lowercased()
        guard lower.utf8.count == 3, lower.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        else { return nil }
        self.code = lower
    }

    /// Whether ISO 4217 has the code.
    package var isListed: Bool { Self.listed.contains(code) }

    private static let listed = Set(Locale.Currency.isoCurrencies.map { $0.identifier.lowercased() })

    /// The number of decimals of a major unit: 2, or 0 or 3, as in ISO 4217, apart from MGA, which the payment provider
    /// counts in whole units. ISK and UGX have none; that the provider writes them with two is a matter of its client
    /// (`StripeAmount`). See https://docs.stripe.com/currencies.
    package var fractionDigits: Int {
        if Self.withoutDecimals.contains(code) { 0 } else if Self.withThreeDecimals.contains(code) { 3 } else { 2 }
    }

    private static let withoutDecimals: Set = [
        "bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof",
        "xpf",
    ]
    private static let withThreeDecimals: Set = ["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"]

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let currency = Currency(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a currency code of three letters")
        }
        self = currency
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }
}
