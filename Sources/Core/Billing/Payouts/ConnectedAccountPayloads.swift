import Modules

/// The body of `POST /v1/payout-account/onboarding`.
struct OnboardingRequest: Payload {
    /// Where the payee is based: two letters, ISO 3166-1. An existing account keeps its country.
    var country: String

    static let rules: [String: Rule] = ["country": .length(2...2)]
}

/// A page of the provider on which the payee enters what it requires.
struct OnboardingLink: Payload {
    var accountId: String
    /// Works once, until `expires_at`.
    var url: String
    var expiresAt: Instant
}

struct ConnectedAccountView: Payload {
    /// At the provider; nil until it has been made.
    var accountId: String?
    var country: String?
    var defaultCurrency: String?
    var detailsSubmitted: Bool
    var transfersActive: Bool
    var payoutsEnabled: Bool
    var disabledReason: String?
    var isSuspended: Bool
    /// Whether payouts can be transferred to it.
    var canBePaid: Bool

    init(_ account: ConnectedAccount) {
        accountId = account.providerID
        country = account.country
        defaultCurrency = account.defaultCurrency
        detailsSubmitted = account.areDetailsSubmitted
        transfersActive = account.areTransfersActive
        payoutsEnabled = account.arePayoutsEnabled
        disabledReason = account.disabledReason
        isSuspended = account.isSuspended
        canBePaid = account.canBePaid
    }
}
