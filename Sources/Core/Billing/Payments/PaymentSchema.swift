import Modules

enum PaymentSchema {
    static let migrations = [
        Migration(
            "billing-103-payments",
            // Payers are organisations, or pseudonyms of erased ones: rows of money stay. `status` is what clients see:
            // lists of a rare one are read by its index.
            """
            CREATE TABLE payments (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL,
                person_id TEXT,
                purpose TEXT NOT NULL,
                subject TEXT NOT NULL,
                method TEXT NOT NULL CHECK (method IN ('intent', 'invoice', 'upi')),
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                amount \(.integer) NOT NULL CHECK (amount > 0),
                received \(.integer) NOT NULL CHECK (received >= 0),
                refunded \(.integer) NOT NULL CHECK (refunded BETWEEN 0 AND received),
                destination TEXT NOT NULL CHECK (destination IN ('held', 'revenue')),
                description TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN (
                    'unknown', 'requires_payment_method', 'requires_confirmation', 'requires_action', 'processing',
                    'requires_capture', 'succeeded', 'canceled'
                )),
                provider_id TEXT UNIQUE,
                intent_id TEXT UNIQUE,
                charge_id TEXT,
                failure_code TEXT,
                failure_message TEXT,
                created_at \(.integer) NOT NULL,
                succeeded_at \(.integer),
                status TEXT NOT NULL GENERATED ALWAYS AS (CASE
                    WHEN state = 'succeeded' AND refunded < received THEN 'completed'
                    WHEN state = 'succeeded' THEN 'refunded'
                    WHEN state = 'canceled' OR (state = 'requires_payment_method' AND failure_code IS NOT NULL)
                        THEN 'failed'
                    ELSE 'pending' END) STORED,
                CHECK ((state = 'succeeded') = (succeeded_at IS NOT NULL)),
                CHECK ((state = 'succeeded') = (received > 0))
            ) \(.strict)
            """,
            // A subject has one live attempt at most.
            """
            CREATE UNIQUE INDEX payments_one_live ON payments (purpose, subject)
                WHERE state NOT IN ('succeeded', 'canceled')
            """,
            "CREATE INDEX payments_by_subject ON payments (purpose, subject, created_at)",
            "CREATE INDEX payments_by_organisation ON payments (organisation_id, created_at)",
            "CREATE INDEX payments_by_person ON payments (person_id)",
            "CREATE INDEX payments_by_charge ON payments (charge_id)",
            "CREATE INDEX payments_by_status ON payments (status, created_at)",
            "CREATE INDEX payments_by_time ON payments (created_at)"
        )
    ]
}
