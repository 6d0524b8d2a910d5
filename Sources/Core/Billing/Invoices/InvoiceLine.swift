package import Entitlements
import Modules

/// What an invoice charges for: a quantity at a price, less a discount. Amounts are minor units of the invoice's
/// currency.
package struct InvoiceLine: Sendable, Hashable {
    package let description: String
    /// At least one.
    package let quantity: Int64
    /// Below zero for what reduces the sum, such as the unused time of a plan.
    package let unitAmount: Int64
    /// 0 or more; see ``Swift/Array/discounted(by:)``.
    package internal(set) var discount: Int64
    /// The taxes on the line, all contained in its price or none.
    package let taxes: [TaxRate]

    package init(
        _ description: String, quantity: Int64 = 1, unitAmount: Int64, discount: Int64 = 0, taxes: [TaxRate] = []
    ) {
        precondition(quantity > 0 && discount >= 0, "a line has a quantity, and its discount is not negative")
        precondition(Set(taxes.map(\.isInclusive)).count < 2, "the taxes of a line are all inclusive or all exclusive")
        self.description = description
        self.quantity = quantity
        self.unitAmount = unitAmount
        self.discount = discount
        self.taxes = taxes
    }

    /// What the line charges for the plan in one cycle.
    /// - Parameter taxes: those of the price's country (``Entitlements/PlanCatalog/taxes(in:)``).
    package init(_ plan: Plan, _ price: Price, taxes: [TaxRate]) {
        self.init("\(plan.name), \(price.cycle.rawValue)", unitAmount: price.amount.minorUnits, taxes: taxes)
    }

    /// Before the discount.
    package var subtotal: Int64 { quantity * unitAmount }
    /// After the discount; without taxes that are added to it.
    package var amount: Int64 { subtotal - discount }
}

extension [InvoiceLine] {
    /// The lines with a discount of `amount` minor units, or of all that they charge if that is less. Each line has its
    /// share by what it charges; the units that do not divide go to the largest remainders, and among equal ones to the
    /// first.
    package func discounted(by amount: Int64) -> [InvoiceLine] {
        let charged = map { Swift.max(0, $0.amount) }
        let shares = Proportion.parts(of: Swift.min(amount, charged.reduce(0, +)), by: charged)
        return zip(self, shares).map { line, share in
            var line = line
            line.discount += share
            return line
        }
    }
}
