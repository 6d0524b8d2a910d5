package import Identity
package import Modules

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
    /// Whether the subject's live attempt is for something else, whatever its amount.
    package let replacesLive: Bool

    package init(
        organisation: ID<Organisation>, person: ID<Person>?, purpose: PaymentPurpose, subject: String, amount: Money,
        description: String, metadata: [String: String] = [:], transferGroup: String? = nil, replacesLive: Bool = false
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
        self.replacesLive = replacesLive
    }
}
