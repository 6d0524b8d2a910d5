import Identity
import Modules

/// A payout. Amounts are in major units, with the minor units beside.
struct PayoutView: Payload {
    var id: ID<Payout>
    var purpose: String
    var subject: String
    /// Nil for an erased organisation.
    var payeeOrganisationId: ID<Organisation>?
    var state: String
    /// For administrators alone: it may be a note of one.
    var reason: String?
    /// What holds it, such as `approval` or `marketplace.vendor`. For administrators alone.
    var heldFor: String?
    var amount: DecimalNumber
    var amountMinor: Int64
    var commission: DecimalNumber
    var commissionMinor: Int64
    /// What is transferred.
    var net: DecimalNumber
    var netMinor: Int64
    var currency: String
    var attempt: Int
    var transferId: String?
    var createdAt: Instant
    var transferredAt: Instant?
    var paidAt: Instant?
    var endedAt: Instant?

    init(_ payout: Payout, isForPayee: Bool = false) {
        let currency = payout.amount.currency
        id = payout.id
        purpose = payout.purpose.name
        subject = payout.subject
        payeeOrganisationId = payout.payee.organisation
        state = payout.state.rawValue
        reason = isForPayee ? nil : payout.reason
        heldFor = isForPayee ? nil : payout.heldFor?.name
        amount = payout.amount.major
        amountMinor = payout.amount.minorUnits
        commission = Money(payout.commission, currency).major
        commissionMinor = payout.commission
        net = Money(payout.net, currency).major
        netMinor = payout.net
        self.currency = currency.code
        attempt = payout.attempt
        transferId = payout.transfer
        createdAt = payout.createdAt
        transferredAt = payout.transferredAt
        paidAt = payout.paidAt
        endedAt = payout.endedAt
    }
}

/// A payout with its attempts, for administrators.
struct PayoutDetails: Payload {
    var payout: PayoutView
    /// The payee's account at the provider.
    var destination: String
    var attempts: [PayoutAttemptView]
}

struct PayoutAttemptView: Payload {
    var kind: String
    var number: Int
    var idempotencyKey: String
    var requestHash: String
    var providerCallId: String
    var outcome: String?
    /// The id of the object at the provider, or the reason of the refusal.
    var detail: String?
    var createdAt: Instant
    var settledAt: Instant?

    init(_ attempt: PayoutAttempt) {
        kind = attempt.kind.rawValue
        number = attempt.number
        idempotencyKey = attempt.key
        requestHash = attempt.requestHash
        providerCallId = attempt.call.text
        outcome = attempt.outcome?.rawValue
        detail = attempt.detail
        createdAt = attempt.createdAt
        settledAt = attempt.settledAt
    }
}

/// The body of requests that need a reason, which the audit trail keeps.
struct PayoutReason: Payload {
    var reason: String

    static let rules: [String: Rule] = ["reason": .length(1...500)]
}
