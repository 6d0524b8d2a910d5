import Identity
import Modules

/// A dispute of a payment, for administrators. Amounts are in major units, with the minor units beside.
struct PaymentDisputeView: Payload {
    var id: ID<PaymentDispute>
    var providerId: String
    var paymentId: ID<Payment>
    /// Nil for an erased organisation.
    var payerOrganisationId: ID<Organisation>?
    var amount: DecimalNumber
    var amountMinor: Int64
    var currency: String
    var reason: String
    var status: String
    var funds: String
    var evidenceDueBy: Instant?
    var createdAt: Instant
    var closedAt: Instant?

    init(_ dispute: PaymentDispute) {
        id = dispute.id
        providerId = dispute.providerID
        paymentId = dispute.payment
        payerOrganisationId = dispute.payer.organisation
        amount = dispute.amount.major
        amountMinor = dispute.amount.minorUnits
        currency = dispute.amount.currency.code
        reason = dispute.reason
        status = dispute.status
        funds = dispute.funds.rawValue
        evidenceDueBy = dispute.evidenceDueBy
        createdAt = dispute.createdAt
        closedAt = dispute.closedAt
    }
}
