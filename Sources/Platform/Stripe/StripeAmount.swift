package import Base

/// Stripe's amounts are in minor units of ISO 4217, apart from two currencies without decimals, which Stripe writes
/// with two: 5 ISK are 500 (https://docs.stripe.com/currencies#special-cases).
package enum StripeAmount {
    private static let writtenWithTwoDecimals: Set<String> = ["isk", "ugx"]

    /// Stripe refuses amounts of three decimals whose last digit is not 0
    /// (https://docs.stripe.com/currencies#three-decimal).
    private static let ofThreeDecimals: Set<String> = ["bhd", "jod", "kwd", "omr", "tnd"]

    /// Amounts are multiples of it, in minor units.
    package static func step(of currency: Currency) -> Int64 { ofThreeDecimals.contains(currency.code) ? 10 : 1 }

    /// - Precondition: the amount fits 64 bits in Stripe's units.
    package static func units(of money: Money) -> Int64 { money.minorUnits * factor(money.currency) }

    /// - Returns: nil for a fraction of the minor unit.
    package static func money(_ units: Int64, _ currency: Currency) -> Money? {
        let (minorUnits, rest) = units.quotientAndRemainder(dividingBy: factor(currency))
        return rest == 0 ? Money(minorUnits, currency) : nil
    }

    private static func factor(_ currency: Currency) -> Int64 {
        writtenWithTwoDecimals.contains(currency.code) ? 100 : 1
    }
}
