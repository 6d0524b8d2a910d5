import Billing
import Modules

/// Reads amounts of clients in major units.
enum AmountReader {
    /// - Throws: `validation-failed` for an amount above ``MarketplaceLimits/amountMinorMax``, below 0, with more decimals
    ///   than the currency has, or that cannot be paid in it.
    static func price(_ value: JSONValue, _ currency: Currency, at pointer: String) throws(Problem) -> Money {
        // A number beyond the bound may have more digits than a decimal number holds.
        if let number = value.number, let bound = Double(largest(of: currency).text), number > bound {
            throw tooLarge(currency, pointer)
        }
        guard let number = DecimalNumber(json: value) else { throw tooManyDecimals(currency, pointer) }
        let money = try self.money(number, currency, at: pointer)
        try money.requirePayable(at: pointer)
        return money
    }

    /// - Throws: as ``price(_:_:at:)``, apart from what can be paid.
    static func money(_ number: DecimalNumber, _ currency: Currency, at pointer: String) throws(Problem) -> Money {
        guard number.fractionDigits <= currency.fractionDigits else { throw tooManyDecimals(currency, pointer) }
        guard number.units >= 0 else { throw Problem.invalid(pointer, "must not be negative") }
        guard let money = Money(major: number, currency), money.minorUnits <= MarketplaceLimits.amountMinorMax else {
            throw tooLarge(currency, pointer)
        }
        return money
    }

    private static func largest(of currency: Currency) -> Money { Money(MarketplaceLimits.amountMinorMax, currency) }

    private static func tooLarge(_ currency: Currency, _ pointer: String) -> Problem {
        Problem.invalid(pointer, "must be at most \(largest(of: currency))")
    }

    private static func tooManyDecimals(_ currency: Currency, _ pointer: String) -> Problem {
        Problem.invalid(pointer, "must have at most \(currency.fractionDigits) decimals in \(currency.code)")
    }
}
