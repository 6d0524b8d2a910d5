package import Identity
package import Modules

/// An organisation's account at the provider, to which payouts are transferred.
package struct ConnectedAccount: Sendable, Hashable {
    package let organisation: ID<Organisation>
    /// `acct_…`; nil until the provider has made it, or after it was deleted there.
    package internal(set) var providerID: String?
    /// Counts the accounts that were made for the organisation.
    package internal(set) var generation: Int
    /// Two letters, ISO 3166-1; nil until the provider has made it.
    package internal(set) var country: String?
    package internal(set) var defaultCurrency: String?
    package internal(set) var areDetailsSubmitted: Bool
    /// Whether it can receive transfers.
    package internal(set) var areTransfersActive: Bool
    /// Whether the provider pays its money out to its bank.
    package internal(set) var arePayoutsEnabled: Bool
    /// Why the provider restricts it, in its words; nil where it does not.
    package internal(set) var disabledReason: String?
    /// Whether an administrator has suspended payouts to it.
    package internal(set) var isSuspended: Bool
    package let createdAt: Instant
    package internal(set) var updatedAt: Instant

    /// Whether payouts can be transferred to it.
    package var canBePaid: Bool { providerID != nil && areTransfersActive && arePayoutsEnabled && !isSuspended }

    /// Why an account that exists cannot be paid, in a sentence; nil where it can.
    var restriction: String? {
        guard providerID != nil, !canBePaid else { return nil }
        if isSuspended { return "An administrator has suspended payouts to the payee's account." }
        guard areDetailsSubmitted else { return "The payee has not completed its account at the payment provider." }
        return "The payment provider restricts the payee's account\(disabledReason.map { ": \($0)" } ?? "")."
    }
}

extension ConnectedAccount {
    init(row: Row) throws {
        organisation = try row["organisation_id"]
        providerID = try row["provider_id"]
        generation = try row["generation"]
        country = try row["country"]
        defaultCurrency = try row["default_currency"]
        areDetailsSubmitted = try row["details_submitted"]
        areTransfersActive = try row["transfers_active"]
        arePayoutsEnabled = try row["payouts_enabled"]
        disabledReason = try row["disabled_reason"]
        isSuspended = try row["is_suspended"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
