import Modules

/// The price of a venue or of a provider's service.
struct VendorPrice: Sendable, Hashable {
    /// What the price is for.
    enum Unit: String, Sendable, CaseIterable, SQLBindable, SQLReadable { case event, guest }

    let amount: Money
    let unit: Unit

    /// The price for a number of guests.
    /// - Throws: `validation-failed` where it is more than ``MarketplaceLimits/amountMinorMax``.
    func total(guests: Int64) throws(Problem) -> Money {
        let (product, overflows) = amount.minorUnits.multipliedReportingOverflow(by: unit == .event ? 1 : guests)
        guard !overflows, product <= MarketplaceLimits.amountMinorMax else {
            throw Problem.invalid("/event_id", "has more guests than can be charged")
        }
        return Money(product, amount.currency)
    }
}
