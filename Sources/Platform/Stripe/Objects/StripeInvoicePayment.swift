package import Base

/// A payment of an invoice.
package struct StripeInvoicePayment: StripeObject {
    package static let object = "invoice_payment"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case open, paid, canceled
    }

    package let id: String
    package let status: StripeState<Status>
    package let invoice: String
    package let paymentIntent: String?
    package let amountRequested: Money
    package let amountPaid: Money?
    package let created: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        invoice = try reader.id("invoice")
        paymentIntent = StripeReader(unnamed: reader["payment"] ?? .null, Self.object).reference("payment_intent")
        amountRequested = try reader.money("amount_requested")
        amountPaid = reader["amount_paid"] == nil ? nil : try reader.money("amount_paid")
        created = try reader.instant("created")
    }
}
