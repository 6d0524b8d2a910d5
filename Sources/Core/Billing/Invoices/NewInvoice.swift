package import Identity
package import Modules

/// An invoice to issue, for money that has arrived or for something that costs nothing.
package struct NewInvoice: Sendable {
    /// What the invoice is for, unique among all invoices and credit notes: `payment:<id>`. A repeat issues nothing.
    package let source: String
    /// The buyer.
    package let organisation: ID<Organisation>
    /// What was paid. Where the lines and their taxes add up to something else, a further line says the difference, so
    /// that an invoice never differs from the money.
    package let paid: Money
    /// One to 200, in the currency of ``paid``.
    package let lines: [InvoiceLine]
    /// The payment's id; nil where nothing was to be paid.
    package let payment: ID<Payment>?
    /// How it was paid, as the invoice shows it: `Card`, `UPI, bank reference 4021…`.
    package let paymentMethod: String?
    /// The time that was paid for; nil where it is not for a time.
    package let period: Range<Instant>?
    /// The code of the coupon that the lines' discounts come from.
    package let couponCode: String?

    package init(
        source: String, organisation: ID<Organisation>, paid: Money, lines: [InvoiceLine], payment: ID<Payment>? = nil,
        paymentMethod: String? = nil, period: Range<Instant>? = nil, couponCode: String? = nil
    ) {
        precondition((1...200).contains(lines.count), "an invoice has 1 to 200 lines")
        precondition(paid.minorUnits >= 0, "an invoice is not for a negative amount")
        self.source = source
        self.organisation = organisation
        self.paid = paid
        self.lines = lines
        self.payment = payment
        self.paymentMethod = paymentMethod
        self.period = period
        self.couponCode = couponCode
    }
}

/// A credit note to issue: a part of an invoice, or all of it, that is returned to the buyer.
package struct NewCreditNote: Sendable {
    /// As ``NewInvoice/source``: `refund:<id>`.
    package let source: String
    package let invoice: ID<Invoice>
    /// Above zero, and with earlier credit notes at most what was paid.
    package let amount: Money
    /// As the credit note shows it.
    package let reason: String

    package init(source: String, invoice: ID<Invoice>, amount: Money, reason: String) {
        precondition(amount.minorUnits > 0, "a credit note is for an amount above zero")
        self.source = source
        self.invoice = invoice
        self.amount = amount
        self.reason = reason
    }
}
