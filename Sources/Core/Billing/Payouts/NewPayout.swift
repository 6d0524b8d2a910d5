package import Identity
package import Modules

/// A payout to be begun.
package struct NewPayout: Sendable {
    package let purpose: PayoutPurpose
    /// The id of what is paid for. One payout of a purpose and subject is live at a time.
    package let subject: String
    /// The account that pays: `held` of the payer, or `payable` of the payee.
    package let source: MoneyAccount
    package let payee: ID<Organisation>
    /// The payee's account at the provider, `acct_…`. Nil for the one that the payee has connected.
    package let destination: String?
    /// The whole amount, the commission included.
    package let amount: Money
    /// The platform's part of the amount, in minor units; 0 or more, less than the amount.
    package let commission: Int64
    /// The idempotency key of the subject's first attempt. Attempt k appends `:k`, from the second on.
    package let key: String
    /// Short values for the provider's records. The payout's id and purpose are added.
    package let metadata: [String: String]
    /// Whether an administrator approves the payout before it is sent.
    package let needsApproval: Bool

    package init(
        _ purpose: PayoutPurpose, of subject: String, from source: MoneyAccount, to payee: ID<Organisation>,
        destination: String? = nil, amount: Money, commission: Int64 = 0, key: String, metadata: [String: String] = [:],
        needsApproval: Bool = false
    ) {
        precondition(amount.minorUnits > commission && commission >= 0, "a payout is more than its commission")
        self.purpose = purpose
        self.subject = subject
        self.source = source
        self.payee = payee
        self.destination = destination
        self.amount = amount
        self.commission = commission
        self.key = key
        self.metadata = metadata
        self.needsApproval = needsApproval
    }
}
