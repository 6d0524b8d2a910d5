package import Identity
package import Modules

/// Money that an organisation pays. A row is one attempt; a subject has at most one live attempt.
///
/// | state | event | next |
/// |---|---|---|
/// | – | begin | unknown, until the provider has answered |
/// | unknown | the provider answers | any of the following |
/// | requires_payment_method | the customer enters a method | requires_confirmation and on |
/// | requires_confirmation | confirmed | requires_action, processing, requires_capture, succeeded |
/// | requires_action | the customer acts, or does not | processing, succeeded, requires_payment_method |
/// | processing | the bank answers | succeeded, requires_payment_method |
/// | requires_capture | captured, voided, expired | succeeded, canceled |
/// | succeeded, canceled | anything | the same: refunds and disputes are objects of their own |
package struct Payment: Sendable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case unknown
        case requiresPaymentMethod = "requires_payment_method"
        case requiresConfirmation = "requires_confirmation"
        case requiresAction = "requires_action"
        case processing
        case requiresCapture = "requires_capture"
        case succeeded, canceled

        package var isFinal: Bool { self == .succeeded || self == .canceled }
    }

    /// How the money comes.
    package enum Method: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// A payment intent that ``PaymentService`` began.
        case intent
        /// An invoice of a subscription, which the provider collects.
        case invoice
        case upi
    }

    package let id: ID<Payment>
    /// The payer.
    package let organisation: ID<Organisation>
    /// The account that began it; nil where the provider did, or after its erasure.
    package let person: ID<Person>?
    package let purpose: PaymentPurpose
    /// The id of what is paid, unique within the purpose.
    package let subject: String
    package let method: Method
    package let amount: Money
    package let destination: PaymentDestination
    package let description: String
    package internal(set) var state: State
    /// The id at the provider, such as `pi_…` or `in_…`; nil until it has answered.
    package internal(set) var providerID: String?
    /// The charge that brought the money, `ch_…`; nil before, or where there is none.
    package internal(set) var chargeID: String?
    /// Why the latest confirmation failed, as the provider's code and sentence; nil where it has not.
    package internal(set) var failureCode: String?
    package internal(set) var failureMessage: String?
    /// Minor units that have been refunded or are about to be. At most the amount.
    package internal(set) var refundedMinor: Int64
    package let createdAt: Instant
    package internal(set) var succeededAt: Instant?
}

/// A payment to begin.
package struct NewPayment: Sendable {
    package let organisation: ID<Organisation>
    package let person: ID<Person>?
    package let purpose: PaymentPurpose
    package let subject: String
    /// Above zero.
    package let amount: Money
    package let description: String
    /// Shown at the provider; no personal data.
    package let metadata: [String: String]
    /// Groups the payment with the transfers that it funds.
    package let transferGroup: String?

    package init(
        organisation: ID<Organisation>, person: ID<Person>?, purpose: PaymentPurpose, subject: String, amount: Money,
        description: String, metadata: [String: String] = [:], transferGroup: String? = nil
    ) {
        precondition(amount.minorUnits > 0, "a payment has an amount above zero")
        self.organisation = organisation
        self.person = person
        self.purpose = purpose
        self.subject = subject
        self.amount = amount
        self.description = description
        self.metadata = metadata
        self.transferGroup = transferGroup
    }
}

/// Money that has arrived without ``PaymentService/begin(_:in:)``: a subscription's invoice, or UPI.
package struct ReceivedPayment: Sendable {
    package let payment: NewPayment
    package let method: Payment.Method
    /// Unique: the same one is recorded once. `in_…`, or the bank's reference.
    package let providerID: String
    package let chargeID: String?
    package let receivedAt: Instant

    package init(
        _ payment: NewPayment, by method: Payment.Method, providerID: String, chargeID: String? = nil,
        receivedAt: Instant
    ) {
        self.payment = payment
        self.method = method
        self.providerID = providerID
        self.chargeID = chargeID
        self.receivedAt = receivedAt
    }
}
