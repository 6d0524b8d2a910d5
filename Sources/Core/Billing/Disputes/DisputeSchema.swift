import Modules

enum DisputeSchema {
    static let migrations = [
        Migration(
            "billing-403-disputes",
            // The payer is an organisation, or the pseudonym of an erased one: rows of money stay.
            """
            CREATE TABLE payment_disputes (
                id TEXT PRIMARY KEY NOT NULL,
                provider_id TEXT NOT NULL UNIQUE,
                payment_id TEXT NOT NULL,
                payer TEXT NOT NULL,
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                amount \(.integer) NOT NULL CHECK (amount > 0),
                reason TEXT NOT NULL,
                status TEXT NOT NULL,
                funds TEXT NOT NULL CHECK (funds IN ('untouched', 'withdrawn', 'lost', 'returned')),
                from_held \(.integer) NOT NULL CHECK (from_held >= 0),
                evidence_due_at \(.integer),
                created_at \(.integer) NOT NULL,
                closed_at \(.integer),
                CHECK (from_held <= amount)
            ) \(.strict)
            """,
            "CREATE INDEX payment_disputes_by_payer ON payment_disputes (payer, created_at)",
            "CREATE INDEX payment_disputes_by_payment ON payment_disputes (payment_id)",
            "CREATE INDEX payment_disputes_by_time ON payment_disputes (created_at)"
        )
    ]
}
