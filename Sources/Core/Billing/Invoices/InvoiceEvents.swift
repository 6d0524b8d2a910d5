import Modules
import Webhooks

/// Tells the endpoints of an organisation about its invoices and credit notes.
enum InvoiceEvents {
    static func register(with invoices: InvoiceService, _ webhooks: WebhookService) {
        invoices.onIssue { invoice, transaction in
            try webhooks.emit(.invoiceIssued, of: invoice.organisation, IssuedInvoice(invoice), in: transaction)
        }
    }
}

extension WebhookEventType {
    static let invoiceIssued = WebhookEventType("invoice.issued", "An invoice or a credit note is issued.")
}

/// The data of `invoice.issued`.
struct IssuedInvoice: Payload {
    let id: ID<Invoice>
    let kind: Invoice.Kind
    let number: String
    let reference: String
    /// The invoice that a credit note corrects.
    let corrects: ID<Invoice>?
    /// In major units.
    let total: DecimalNumber
    let totalMinor: Int64
    let taxMinor: Int64
    let currency: String
    let paymentId: ID<Payment>?
    let issuedAt: Instant

    init(_ invoice: Invoice) {
        id = invoice.id
        kind = invoice.kind
        number = invoice.number
        reference = invoice.reference
        corrects = invoice.corrects
        total = invoice.total.major
        totalMinor = invoice.total.minorUnits
        taxMinor = invoice.amounts.tax
        currency = invoice.currency.code
        paymentId = invoice.payment
        issuedAt = invoice.issuedAt
    }
}
