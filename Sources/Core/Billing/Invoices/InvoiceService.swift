package import Identity
package import Modules

/// Issues invoices and credit notes, in the transaction that records the money.
package final class InvoiceService: Sendable {
    /// Called in the transaction that issues a document, once for each.
    package typealias Listener = @Sendable (Invoice, Transaction) throws -> Void

    package init() {}

    /// Adds a listener, when the system is built.
    package func onIssue(_ listener: @escaping Listener) {}

    /// Writes an invoice with the next number, and the e-mail to the owners.
    ///
    /// The counter of the year stays locked until the transaction ends, so this is the last thing that it does.
    /// - Returns: the invoice of ``NewInvoice/source``, also where it was issued before; nothing has changed then.
    @discardableResult
    package func issue(_ invoice: NewInvoice, in transaction: Transaction) throws -> Invoice {
        throw Problem(.notConfigured)
    }

    /// Writes a credit note with the next number of credit notes. Its taxes are the invoice's in proportion, so that
    /// those of all credit notes for the whole amount add up to them.
    /// - Returns: as ``issue(_:in:)-(NewInvoice,_)``.
    /// - Throws: `credit-too-high` where more than was paid would be given back; `not-found` for an unknown invoice.
    @discardableResult
    package func issue(_ creditNote: NewCreditNote, in transaction: Transaction) throws -> Invoice {
        throw Problem(.notConfigured)
    }

    /// - Returns: nil where none was issued.
    package func invoice(ofSource source: String, in transaction: Transaction) throws -> Invoice? { nil }

    /// The invoice of a payment, which a refund corrects.
    package func invoice(of payment: ID<Payment>, in transaction: Transaction) throws -> Invoice? { nil }
}

extension Problem.Kind {
    package static let creditTooHigh = Self("credit-too-high", "More than was paid cannot be given back", status: 409)
}
