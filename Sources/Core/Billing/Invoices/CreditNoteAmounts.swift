import Entitlements
import Modules

extension InvoiceAmounts {
    /// The sums of a credit note for a part of an invoice with these sums.
    ///
    /// Each tax is the tax on all that is credited by then, less the tax on what was credited before, so that the taxes
    /// of the credit notes for the whole invoice add up to its taxes to the minor unit.
    /// - Parameters:
    ///   - amount: of the credit note, with taxes; above zero.
    ///   - credited: of earlier credit notes; with the amount at most the total.
    func credit(_ amount: Int64, after credited: Int64) -> InvoiceAmounts {
        precondition(amount > 0 && credited >= 0 && credited + amount <= total, "a credit is within the invoice")
        func share(_ units: Int64) -> Int64 {
            Proportion.rounded(units, times: credited + amount, over: total)
                - Proportion.rounded(units, times: credited, over: total)
        }
        var parts = taxes.map { Tax(rate: $0.rate, base: share($0.base), amount: share($0.amount)) }
        // Where one base is all that the invoice charges, so it is for the part.
        if let base = taxes.first?.base, taxes.allSatisfy({ $0.base == base }), base + tax == total {
            let rest = parts.reduce(amount) { $0 - $1.amount }
            for index in parts.indices { parts[index].base = rest }
        }
        let added = parts.reduce(0) { $0 + ($1.rate.isInclusive ? 0 : $1.amount) }
        return InvoiceAmounts(subtotal: amount - added, discount: 0, taxes: parts, total: amount)
    }
}
