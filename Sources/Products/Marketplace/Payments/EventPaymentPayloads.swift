import Billing
import Modules

/// The body of `POST /v1/payments/confirm`.
struct PaymentConfirmation: Payload {
    /// The payment intent at the provider.
    var paymentIntentId: String

    static let rules: [String: Rule] = ["payment_intent_id": .length(1...255)]
}

struct PaymentConfirmed: Payload {
    var success: Bool
    var paymentId: ID<Payment>
    var paymentIntentId: String?
    var status: PaymentView.Status
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String
    var eventId: ID<MarketplaceEvent>
    var eventStatus: EventStatus

    init(_ payment: Payment, _ event: MarketplaceEvent) {
        success = true
        paymentId = payment.id
        paymentIntentId = payment.intentID
        status = PaymentView.Status(payment)
        amount = payment.amount.major
        amountMinor = payment.amount.minorUnits
        currency = payment.amount.currency.code
        eventId = event.id
        eventStatus = event.status
    }
}

/// The payments of an event, and its money.
struct EventPayments: Payload {
    var eventId: ID<MarketplaceEvent>
    var data: [PaymentView]
    /// Received and not refunded, in major units.
    var paid: DecimalNumber
    var paidMinor: Int64
    /// What remains to be paid for what is booked.
    var due: DecimalNumber
    var dueMinor: Int64
    /// Held until it is released or refunded.
    var held: DecimalNumber
    var heldMinor: Int64
    var currency: String

    init(_ event: MarketplaceEvent, _ payments: [Payment], _ funds: EventFunds) {
        let (paid, due, held) = (funds.received - funds.refunded, funds.due, funds.available)
        eventId = event.id
        data = payments.map { PaymentView($0) }
        self.paid = Money(paid, event.currency).major
        paidMinor = paid
        self.due = Money(due, event.currency).major
        dueMinor = due
        self.held = Money(held, event.currency).major
        heldMinor = held
        currency = event.currency.code
    }
}
