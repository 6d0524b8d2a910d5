/// How a payment method behaves.
package enum TestStripeCard: Sendable, Hashable {
    case succeeds
    /// Each charge is declined with this code; a `nil` decline code has none.
    case declines(code: String, declineCode: String?)
    /// The customer has to authenticate; without the customer, it is declined.
    case needsAuthentication
    /// A bank debit: it is processed until ``TestStripeServer/finishProcessing(of:succeeds:)``.
    case processesLong
    /// Charges succeed and are disputed at once.
    case isDisputed

    static let declined = TestStripeCard.declines(code: "card_declined", declineCode: "generic_decline")

    /// Stripe's test cards, whose ids make new payment methods.
    static func named(_ id: String) -> (card: TestStripeCard, canBeAttached: Bool)? {
        switch id.replacing("pm_card_visa_", with: "pm_card_").replacing("tok_", with: "pm_card_") {
        case "pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_us": (.succeeds, true)
        case "pm_card_chargeDeclined": (.declined, false)
        case "pm_card_chargeCustomerFail": (.declined, true)
        case "pm_card_chargeDeclinedInsufficientFunds":
            (.declines(code: "card_declined", declineCode: "insufficient_funds"), false)
        case "pm_card_chargeDeclinedExpiredCard": (.declines(code: "expired_card", declineCode: nil), false)
        case "pm_card_authenticationRequired", "pm_card_threeDSecure2Required": (.needsAuthentication, true)
        case "pm_usBankAccount": (.processesLong, true)
        case "pm_card_createDispute": (.isDisputed, true)
        default: nil
        }
    }

    /// Why a charge is declined; nil where it is not.
    func decline(isOffSession: Bool) -> TestStripeDecline? {
        switch self {
        case .declines(let code, let declineCode):
            TestStripeDecline(
                code: code, declineCode: declineCode,
                message: code == "expired_card" ? "Your card has expired." : "Your card was declined.")
        case .needsAuthentication where isOffSession:
            TestStripeDecline(
                code: "authentication_required", declineCode: "authentication_required",
                message: "Your card was declined. This transaction requires authentication.")
        default: nil
        }
    }
}
