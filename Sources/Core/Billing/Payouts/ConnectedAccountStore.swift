import Identity
import Modules
import Stripe

/// The SQL of connected accounts.
extension Transaction {
    func connectedAccount(of organisation: ID<Organisation>) throws -> ConnectedAccount? {
        try first(
            "SELECT * FROM connected_accounts WHERE organisation_id = \(organisation)", ConnectedAccount.init(row:))
    }

    /// Locked until the transaction ends.
    func lockedConnectedAccount(of organisation: ID<Organisation>) throws -> ConnectedAccount? {
        try first(
            "SELECT * FROM connected_accounts WHERE organisation_id = \(organisation) \(.forUpdate)",
            ConnectedAccount.init(row:))
    }

    func lockedConnectedAccount(ofProviderID id: String) throws -> ConnectedAccount? {
        try first(
            "SELECT * FROM connected_accounts WHERE provider_id = \(id) \(.forUpdate)", ConnectedAccount.init(row:))
    }

    /// Inserts the row of an organisation without an account; an existing one is unchanged.
    func insertConnectedAccount(of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO connected_accounts (
                organisation_id, generation, details_submitted, transfers_active, payouts_enabled, is_suspended,
                created_at, updated_at
            )
            VALUES (\(organisation), 1, 0, 0, 0, 0, \(now), \(now))
            ON CONFLICT (organisation_id) DO NOTHING
            """
        )
    }

    /// Writes what the provider reports; the row is locked.
    func update(_ account: ConnectedAccount) throws {
        try execute(
            """
            UPDATE connected_accounts SET provider_id = \(account.providerID), generation = \(account.generation),
                country = \(account.country), default_currency = \(account.defaultCurrency),
                details_submitted = \(account.areDetailsSubmitted), transfers_active = \(account.areTransfersActive),
                payouts_enabled = \(account.arePayoutsEnabled), disabled_reason = \(account.disabledReason),
                is_suspended = \(account.isSuspended), updated_at = \(now)
            WHERE organisation_id = \(account.organisation)
            """
        )
    }
}
