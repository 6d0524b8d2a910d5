package import Modules

extension InvoiceService {
    /// Issues a credit note for a refund that has succeeded, and an invoice where the bank reports later that it
    /// failed: the listener of the refunds of payments with invoices. A repeat changes nothing.
    package func follow(_ refund: Refund, of payment: Payment, in transaction: Transaction) throws {
        let source = "refund:\(refund.id)"
        switch refund.state {
        case .requested, .pending: return
        case .succeeded:
            var rest = refund.amount.minorUnits
            // A payment has another invoice where an earlier refund has failed.
            for (index, invoice) in try transaction.invoices(of: payment.id).enumerated() where rest > 0 {
                let partSource = index == 0 ? source : "\(source):\(index + 1)"
                if try transaction.invoice(ofSource: partSource) != nil { return }
                let part = min(rest, invoice.amounts.total - (try transaction.credited(of: invoice.id)))
                guard part > 0 else { continue }
                try issue(
                    NewCreditNote(
                        source: partSource, invoice: invoice.id, amount: Money(part, invoice.currency),
                        reason: refund.reason),
                    in: transaction)
                rest -= part
            }
        case .failed:
            let notes = try transaction.creditNotes(ofRefund: source)
            guard let first = notes.first else { return }
            let amount = notes.reduce(0) { $0 + $1.amounts.total }
            let taxes = first.amounts.taxes.map(\.rate)
            try issue(
                NewInvoice(
                    source: "refund-failed:\(refund.id)", organisation: payment.organisation,
                    paid: Money(amount, first.currency),
                    lines: [
                        InvoiceLine(
                            "The refund of \(first.number) failed",
                            unitAmount: notes.reduce(0) { $0 + $1.amounts.subtotal }, taxes: taxes)
                    ],
                    payment: payment.id, paymentMethod: first.paymentMethod),
                in: transaction)
        }
    }
}
