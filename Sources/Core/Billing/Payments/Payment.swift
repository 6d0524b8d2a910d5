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
    /// The payment intent, `pi_…`, also of an invoice's payment; nil until it is known, and where there is none.
    package internal(set) var intentID: String?
    /// The charge that brought the money, `ch_…`; nil before, or where there is none.
    package internal(set) var chargeID: String?
    /// Why the latest confirmation failed, as the provider's code and sentence; nil where it has not.
    package internal(set) var failureCode: String?
    package internal(set) var failureMessage: String?
    /// Minor units that have arrived: 0 until it has succeeded.
    package internal(set) var receivedMinor: Int64
    /// Minor units that have been refunded or are about to be. At most what has arrived.
    package internal(set) var refundedMinor: Int64
    package let createdAt: Instant
    package internal(set) var succeededAt: Instant?
}

// MARK: Transitions

extension Payment {
    /// What the provider says of a payment.
    struct Report: Sendable, Hashable {
        /// Nil for a state that this version does not know.
        let state: State?
        let intentID: String
        let chargeID: String?
        let amount: Money
        let receivedMinor: Int64
        let failureCode: String?
        let failureMessage: String?
    }

    /// Applies what the provider says. A final payment stays as it is, and what is said of another intent than the
    /// payment's changes nothing.
    /// - Returns: whether something has changed.
    mutating func apply(_ report: Report, at now: Instant) -> Bool {
        guard !state.isFinal, let next = report.state, intentID ?? report.intentID == report.intentID else {
            return false
        }
        let before = (state, providerID, chargeID, failureCode)
        // What succeeds without money would be posted as nothing: it is not final until the money is there.
        guard next != .succeeded || report.receivedMinor > 0 else { return false }
        providerID = report.intentID
        intentID = report.intentID
        chargeID = report.chargeID ?? chargeID
        state = next
        (failureCode, failureMessage) =
            next == .succeeded ? (nil, nil) : (report.failureCode, report.failureMessage)
        if next == .succeeded {
            receivedMinor = report.receivedMinor
            succeededAt = now
        }
        return before != (state, providerID, chargeID, failureCode)
    }

    /// Ends an attempt that the provider has refused to begin.
    mutating func refuse(code: String?, message: String) {
        guard state == .unknown else { return }
        state = .canceled
        failureCode = code ?? "refused"
        failureMessage = message
    }
}
