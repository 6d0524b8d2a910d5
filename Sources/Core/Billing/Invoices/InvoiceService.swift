import Audit
import Identity
import Mail
package import Modules
import Synchronization

/// Issues invoices and credit notes, in the transaction that records the money.
package final class InvoiceService: Sendable {
    /// Called in the transaction that issues a document, once for each.
    package typealias Listener = @Sendable (Invoice, Transaction) throws -> Void

    private let seller: InvoiceParty
    /// The base URL of this service in the links of e-mails.
    private let address: String
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime
    private let listeners = Mutex<[Listener]>([])

    init(seller: InvoiceParty, address: String, audit: AuditService, mailer: Mailer, runtime: Runtime) {
        self.seller = seller
        self.address = address
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    /// Adds a listener, when the system is built.
    package func onIssue(_ listener: @escaping Listener) { listeners.withLock { $0.append(listener) } }

    /// Writes an invoice with the next number, and the e-mail to the owners.
    ///
    /// The counter of the year stays locked until the transaction ends, so this is the last thing that it does.
    /// - Returns: the invoice of ``NewInvoice/source``, also where it was issued before; nothing has changed then.
    @discardableResult
    package func issue(_ new: NewInvoice, in transaction: Transaction) throws -> Invoice {
        let lines = new.lines.adjusted(to: new.paid.minorUnits)
        return try issue(.invoice, source: new.source, lines: lines, in: transaction) { id, number, reference in
            Invoice(
                id: id, kind: .invoice, number: number, reference: reference, source: new.source,
                organisation: new.organisation, corrects: nil, currency: new.paid.currency,
                amounts: InvoiceAmounts(lines), seller: seller, buyer: try transaction.buyer(new.organisation),
                payment: new.payment, paymentMethod: new.paymentMethod, period: new.period,
                couponCode: new.couponCode, issuedAt: transaction.now)
        }
    }

    /// Writes a credit note with the next number of credit notes. Its taxes are the invoice's in proportion, so that
    /// those of all credit notes for the whole amount add up to them.
    /// - Returns: as ``issue(_:in:)-(NewInvoice,_)``.
    /// - Throws: `credit-too-high` for more than what is left of the invoice; `not-found` for an unknown invoice.
    @discardableResult
    package func issue(_ new: NewCreditNote, in transaction: Transaction) throws -> Invoice {
        guard let invoice = try transaction.lockInvoice(new.invoice) else {
            throw Problem(.notFound, detail: "There is no such invoice.")
        }
        if let known = try transaction.invoice(ofSource: new.source) { return known }
        let credited = try transaction.credited(of: invoice.id)
        guard new.amount.currency == invoice.currency, new.amount.minorUnits <= invoice.amounts.total - credited else {
            throw Problem(
                .creditTooHigh,
                detail: "\(Money(invoice.amounts.total - credited, invoice.currency)) of \(invoice.number) are left.")
        }
        let amounts = invoice.amounts.credit(new.amount.minorUnits, after: credited)
        let line = InvoiceLine("Credit for \(invoice.number): \(new.reason)", unitAmount: amounts.subtotal)
        return try issue(.creditNote, source: new.source, lines: [line], in: transaction) { id, number, reference in
            Invoice(
                id: id, kind: .creditNote, number: number, reference: reference, source: new.source,
                organisation: invoice.organisation, corrects: invoice.id, currency: invoice.currency,
                amounts: amounts, seller: invoice.seller, buyer: invoice.buyer, payment: invoice.payment,
                paymentMethod: invoice.paymentMethod, period: nil, couponCode: nil, issuedAt: transaction.now)
        }
    }

    /// - Returns: nil where none was issued.
    package func invoice(ofSource source: String, in transaction: Transaction) throws -> Invoice? {
        try transaction.invoice(ofSource: source)
    }

    /// The invoice of a payment, which a refund corrects.
    package func invoice(of payment: ID<Payment>, in transaction: Transaction) throws -> Invoice? {
        try transaction.invoice(of: payment)
    }

    // MARK: Shared

    /// References that are tried: one in 2³² is used by another document of the day.
    private static let referencesMax = 8

    private func issue(
        _ kind: Invoice.Kind, source: String, lines: [InvoiceLine], in transaction: Transaction,
        _ document: (_ id: ID<Invoice>, _ number: String, _ reference: String) throws -> Invoice
    ) throws -> Invoice {
        let now = transaction.now
        let year = CivilDate(dayNumber: now.seconds.quotient(flooredBy: 86_400)).year
        let sequence = try transaction.lockInvoiceCounter(of: kind, year: year, seller: Invoice.seller) + 1
        // Behind the lock: another transaction of the same source has committed, or waits.
        if let known = try transaction.invoice(ofSource: source) { return known }
        let number = InvoiceNumber.number(kind, year: year, sequence: sequence)
        for _ in 0..<Self.referencesMax {
            let reference = InvoiceNumber.reference(kind, at: now, random: runtime.randomBytes(4))
            let invoice = try document(runtime.id(), number, reference)
            guard try transaction.insert(invoice, sequence: sequence, lines: lines) else { continue }
            try record(invoice, in: transaction)
            return invoice
        }
        throw Problem(.internalError, detail: "no reference is free")
    }

    private func record(_ invoice: Invoice, in transaction: Transaction) throws {
        try audit.record(
            AuditEvent(
                "\(invoice.kind.rawValue.replacing("_", with: "-")).issued", organisation: invoice.organisation.text,
                subjectKind: "invoice", subject: invoice.id.text,
                details: ["number": invoice.number, "total": "\(invoice.total)"]),
            in: transaction)
        try mailer.send(
            invoice.kind == .invoice ? "invoice" : "credit-note", toOwnersOf: invoice.organisation,
            [
                "number": invoice.number, "total": "\(invoice.total)",
                "link": "\(address)/v1/payments/invoices/\(invoice.id)/download",
            ],
            in: transaction)
        for listener in listeners.withLock({ $0 }) { try listener(invoice, transaction) }
    }
}

extension [InvoiceLine] {
    /// The lines, with a further one where they and their taxes do not add up to what was paid.
    fileprivate func adjusted(to paid: Int64) -> [InvoiceLine] {
        let difference = paid - InvoiceAmounts(self).total
        return difference == 0 ? self : self + [InvoiceLine("Adjustment to the amount paid", unitAmount: difference)]
    }
}

extension Problem.Kind {
    package static let creditTooHigh = Self(
        "credit-too-high", "This is more than what is left of the invoice", status: 409)
}
