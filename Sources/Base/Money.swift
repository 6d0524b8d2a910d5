/// An amount in whole minor units of its currency (cents, paise).
package struct Money: Hashable, Sendable, Codable {
    package let minorUnits: Int64
    package let currency: Currency

    package init(_ minorUnits: Int64, _ currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }
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
