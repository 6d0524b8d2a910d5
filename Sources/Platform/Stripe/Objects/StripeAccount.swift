package import Base

/// A connected account.
package struct StripeAccount: StripeObject {
    package static let object = "account"

    package let id: String
    package let isDeleted: Bool
    package let email: String?
    package let country: String?
    package let areDetailsSubmitted: Bool
    package let areChargesEnabled: Bool
    /// Whether its money is paid out to its bank.
    package let arePayoutsEnabled: Bool
    /// Whether it can receive transfers.
    package let areTransfersActive: Bool
    /// What its owner must tell now, in Stripe's names.
    package let currentlyDue: [String]
    /// Why it is restricted; nil where it is not.
    package let disabledReason: String?
    package let defaultCurrency: Currency?
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        isDeleted = reader.flag("deleted")
        email = reader.text("email")
        country = reader.text("country")
        areDetailsSubmitted = reader.flag("details_submitted")
        areChargesEnabled = reader.flag("charges_enabled")
        arePayoutsEnabled = reader.flag("payouts_enabled")
        areTransfersActive = reader["capabilities"]?["transfers"]?.string == "active"
        let requirements = reader["requirements"]
        currentlyDue = requirements?["currently_due"]?.array?.compactMap(\.string) ?? []
        disabledReason = requirements?["disabled_reason"]?.string
        defaultCurrency = reader.text("default_currency").flatMap { Currency($0) }
        metadata = reader.metadata()
    }
}
