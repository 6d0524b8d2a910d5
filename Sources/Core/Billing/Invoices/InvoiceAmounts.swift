package import Entitlements
import Modules

/// The sums of an invoice, in minor units of its currency: a value that is computed from its lines.
///
/// A tax is computed once, on the sum of the lines that have the same taxes, and rounded to the minor unit, halves away
/// from zero. Where the price contains it, the price without taxes is rounded and the taxes are the rest, so that both
/// add up to the price; several such taxes share the rest by their rates.
package struct InvoiceAmounts: Sendable, Hashable {
    /// One tax of the whole invoice.
    package struct Tax: Sendable, Hashable {
        package let rate: TaxRate
        /// What the tax is on, without it.
        package internal(set) var base: Int64
        package internal(set) var amount: Int64

        package init(rate: TaxRate, base: Int64, amount: Int64) {
            self.rate = rate
            self.base = base
            self.amount = amount
        }
    }

    /// Before discounts.
    package let subtotal: Int64
    package let discount: Int64
    /// In the order in which the lines name them.
    package let taxes: [Tax]
    /// What is to be paid: subtotal − discount + taxes that the prices do not contain.
    package let total: Int64

    init(subtotal: Int64, discount: Int64, taxes: [Tax], total: Int64) {
        self.subtotal = subtotal
        self.discount = discount
        self.taxes = taxes
        self.total = total
    }

    package init(_ lines: [InvoiceLine]) {
        subtotal = lines.reduce(0) { $0 + $1.subtotal }
        discount = lines.reduce(0) { $0 + $1.discount }
        var taxes: [Tax] = []
        var groups: [(rates: [TaxRate], amount: Int64)] = []
        for line in lines where !line.taxes.isEmpty {
            if let index = groups.firstIndex(where: { $0.rates == line.taxes }) {
                groups[index].amount += line.amount
            } else {
                groups.append((line.taxes, line.amount))
            }
        }
        for tax in groups.flatMap({ Self.taxes($0.rates, on: $0.amount) }) {
            if let index = taxes.firstIndex(where: { $0.rate == tax.rate }) {
                taxes[index].base += tax.base
                taxes[index].amount += tax.amount
            } else {
                taxes.append(tax)
            }
        }
        self.taxes = taxes
        total = taxes.reduce(subtotal - discount) { $0 + ($1.rate.isInclusive ? 0 : $1.amount) }
    }

    /// The sum of the taxes, whether or not the prices contain them.
    package var tax: Int64 { taxes.reduce(0) { $0 + $1.amount } }

    private static func taxes(_ rates: [TaxRate], on amount: Int64) -> [Tax] {
        guard rates.contains(where: \.isInclusive) else {
            return rates.map {
                Tax(
                    rate: $0, base: amount,
                    amount: Proportion.rounded(amount, times: $0.millionths, over: 1_000_000))
            }
        }
        let whole = 1_000_000 + rates.reduce(0) { $0 + $1.millionths }
        let base = Proportion.rounded(amount, times: 1_000_000, over: whole)
        let parts = Proportion.parts(of: amount - base, by: rates.map(\.millionths))
        return zip(rates, parts).map { Tax(rate: $0, base: base, amount: $1) }
    }
}
