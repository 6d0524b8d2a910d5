package import Base

package struct StripeDispute: StripeObject {
    package static let object = "dispute"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case warningNeedsResponse = "warning_needs_response"
        case warningUnderReview = "warning_under_review"
        case warningClosed = "warning_closed"
        case needsResponse = "needs_response"
        case underReview = "under_review"
        case won, lost, prevented
        case appealNeedsResponse = "appeal_needs_response"
        case appealUnderReview = "appeal_under_review"

        /// An inquiry, which moves no money.
        package var isInquiry: Bool {
            switch self {
            case .warningNeedsResponse, .warningUnderReview, .warningClosed: true
            default: false
            }
        }
    }

    package let id: String
    package let status: StripeState<Status>
    package let amount: Money
    package let charge: String
    package let paymentIntent: String?
    /// Such as `fraudulent`.
    package let reason: String
    /// Until when evidence is accepted; nil where none is.
    package let evidenceDueBy: Instant?
    /// Withdrawals of the disputed amount, and returns of it.
    package let balanceTransactions: [StripeBalanceTransaction]
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        amount = try reader.money()
        charge = try reader.id("charge")
        paymentIntent = reader.reference("payment_intent")
        reason = try reader.string("reason")
        evidenceDueBy = StripeReader(unnamed: reader["evidence_details"] ?? .null, Self.object).time("due_by")
        var transactions: [StripeBalanceTransaction] = []
        for transaction in reader["balance_transactions"]?.array ?? [] {
            transactions.append(try StripeBalanceTransaction(transaction))
        }
        balanceTransactions = transactions
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
