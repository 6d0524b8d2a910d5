import Modules

enum PayoutSchema {
    static let migrations = [
        Migration(
            "billing-402-payouts",
            // Owners are organisations, or pseudonyms of erased ones: rows of money stay.
            """
            CREATE TABLE payouts (
                id TEXT PRIMARY KEY NOT NULL,
                purpose TEXT NOT NULL,
                subject TEXT NOT NULL,
                source_account TEXT NOT NULL CHECK (source_account IN ('held', 'payable', 'revenue')),
                source_owner TEXT NOT NULL,
                payee TEXT NOT NULL,
                destination TEXT NOT NULL,
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                amount \(.integer) NOT NULL CHECK (amount > 0),
                commission \(.integer) NOT NULL CHECK (commission >= 0),
                remainder \(.integer) NOT NULL CHECK (remainder >= 0),
                idempotency_key TEXT NOT NULL,
                metadata TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN (
                    'held', 'reserved', 'sending', 'unknown', 'transferred', 'refused', 'paid', 'returned',
                    'reversing', 'reversed', 'canceled'
                )),
                held_for TEXT,
                reason TEXT,
                attempt \(.integer) NOT NULL CHECK (attempt >= 0),
                reversal_attempt \(.integer) NOT NULL CHECK (reversal_attempt >= 0),
                transfer_id TEXT UNIQUE,
                bank_payout_id TEXT,
                version \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                transferred_at \(.integer),
                paid_at \(.integer),
                returned_at \(.integer),
                ended_at \(.integer),
                CHECK (commission + remainder < amount),
                CHECK (
                    (transfer_id IS NOT NULL)
                    = (state IN ('transferred', 'paid', 'returned', 'reversing', 'reversed'))
                ),
                CHECK ((transfer_id IS NULL) = (transferred_at IS NULL)),
                CHECK ((ended_at IS NOT NULL) = (state IN ('reversed', 'canceled')))
            ) \(.strict)
            """,
            """
            CREATE UNIQUE INDEX payouts_one_live ON payouts (purpose, subject)
                WHERE state NOT IN ('reversed', 'canceled')
            """,
            "CREATE INDEX payouts_by_subject ON payouts (purpose, subject, created_at)",
            "CREATE INDEX payouts_by_time ON payouts (created_at)",
            "CREATE INDEX payouts_by_state ON payouts (state, created_at)",
            "CREATE INDEX payouts_by_payee ON payouts (payee, created_at)",
            """
            CREATE TABLE payout_attempts (
                payout_id TEXT NOT NULL REFERENCES payouts (id),
                kind TEXT NOT NULL CHECK (kind IN ('transfer', 'reversal')),
                number \(.integer) NOT NULL CHECK (number >= 1),
                idempotency_key TEXT NOT NULL UNIQUE,
                request_hash TEXT NOT NULL,
                call_id TEXT NOT NULL UNIQUE,
                outcome TEXT CHECK (outcome IN ('done', 'refused')),
                detail TEXT,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                PRIMARY KEY (payout_id, kind, number),
                CHECK ((outcome IS NULL) = (settled_at IS NULL))
            ) \(.strict)
            """,
            """
            CREATE TABLE connected_accounts (
                organisation_id TEXT PRIMARY KEY NOT NULL REFERENCES organisations (id),
                provider_id TEXT UNIQUE,
                generation \(.integer) NOT NULL CHECK (generation >= 1),
                country TEXT,
                default_currency TEXT,
                details_submitted \(.integer) NOT NULL CHECK (details_submitted IN (0, 1)),
                transfers_active \(.integer) NOT NULL CHECK (transfers_active IN (0, 1)),
                payouts_enabled \(.integer) NOT NULL CHECK (payouts_enabled IN (0, 1)),
                disabled_reason TEXT,
                is_suspended \(.integer) NOT NULL CHECK (is_suspended IN (0, 1)),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    ]
}
