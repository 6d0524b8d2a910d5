import Identity
import Modules

/// Personal data in the tables of payouts, disputes and reconciliation. Rows of money stay, under the pseudonyms that
/// the ledger's accounts get (``LedgerService/pseudonymise(owner:as:in:)``).
enum PayoutPersonalData {
    static let tables: [PersonalDataTable] = [
        // Attempts name their payout alone.
        PersonalDataTable(
            "payout-attempts", in: "payout_attempts",
            selection: { subject in
                """
                SELECT payout_id, kind, number, outcome, detail, created_at, settled_at FROM payout_attempts
                WHERE payout_id IN (
                    SELECT id FROM payouts
                    WHERE payee IN \(list: subject.organisations) OR source_owner IN \(list: subject.organisations))
                ORDER BY payout_id, kind, number
                """
            }
        ) { _, _, _ in },
        PersonalDataTable(
            "payouts", in: "payouts",
            selection: { subject in
                """
                SELECT id, purpose, subject, payee, destination, currency, amount, commission, remainder, state, reason,
                    transfer_id, created_at, transferred_at, paid_at, returned_at, ended_at
                FROM payouts
                WHERE payee IN \(list: subject.organisations) OR source_owner IN \(list: subject.organisations)
                ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                let owner = organisation.pseudonym
                try transaction.execute(
                    "UPDATE payouts SET payee = \(owner), reason = NULL WHERE payee = \(organisation.id)")
                try transaction.execute(
                    """
                    UPDATE payouts SET source_owner = \(owner), reason = NULL WHERE source_owner = \(organisation.id)
                    """
                )
            }
            // Such as the person who has approved it.
            try transaction.execute(
                """
                UPDATE payouts SET metadata = REPLACE(metadata, \(subject.person), \(pseudonym))
                WHERE metadata LIKE \("%\(subject.person)%")
                """
            )
        },
        PersonalDataTable(
            "payment-disputes", in: "payment_disputes",
            selection: { subject in
                """
                SELECT id, payment_id, payer, currency, amount, reason, status, funds, created_at, closed_at
                FROM payment_disputes WHERE payer IN \(list: subject.organisations) ORDER BY id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.execute(
                    """
                    UPDATE payment_disputes SET payer = \(organisation.pseudonym) WHERE payer = \(organisation.id)
                    """
                )
            }
        },
        PersonalDataTable("reconciliation-cases", in: "reconciliation_cases") { subject, pseudonym, transaction in
            try transaction.execute(
                "UPDATE reconciliation_cases SET resolved_by = \(pseudonym) WHERE resolved_by = \(subject.person)")
        },
        PersonalDataTable(
            "connected-accounts", in: "connected_accounts",
            where: { "organisation_id IN \(list: $0.organisations)" },
            showing: [
                "organisation_id", "provider_id", "country", "default_currency", "details_submitted",
                "transfers_active", "payouts_enabled", "disabled_reason", "is_suspended", "created_at", "updated_at",
            ], orderedBy: "organisation_id"
        ),
    ]
}
