import Modules

enum PrepaidSchema {
    static let migrations = [
        Migration(
            "billing-701-prepaid-periods",
            // Payers are organisations, or pseudonyms of erased ones: rows of money stay.
            """
            CREATE TABLE prepaid_periods (
                payment_id TEXT PRIMARY KEY NOT NULL REFERENCES payments (id),
                organisation_id TEXT NOT NULL,
                plan_id TEXT NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                subscription_reference TEXT NOT NULL,
                anchor_at \(.integer) NOT NULL,
                number \(.integer) NOT NULL CHECK (number > 0),
                period_start \(.integer) NOT NULL CHECK (period_start >= anchor_at),
                period_end \(.integer) NOT NULL CHECK (period_end > period_start),
                paid_at \(.integer) NOT NULL,
                returned_at \(.integer)
            ) \(.strict)
            """,
            // A period is paid for once.
            """
            CREATE UNIQUE INDEX prepaid_periods_once ON prepaid_periods (subscription_reference, number)
                WHERE returned_at IS NULL
            """,
            "CREATE INDEX prepaid_periods_by_organisation ON prepaid_periods (organisation_id, period_end)",
            "CREATE INDEX prepaid_periods_by_end ON prepaid_periods (period_end)",
            """
            CREATE TABLE prepaid_reminders (
                payment_id TEXT NOT NULL REFERENCES prepaid_periods (payment_id),
                days \(.integer) NOT NULL CHECK (days >= 0),
                sent_at \(.integer) NOT NULL,
                PRIMARY KEY (payment_id, days)
            ) \(.strict)
            """,
            // The order of an organisation that a payment intent is for; a further one takes its place. Without a
            // foreign key, which would lock the organisation before its subscription.
            """
            CREATE TABLE plan_orders (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL UNIQUE,
                plan_id TEXT NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                description TEXT NOT NULL,
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                price \(.integer) NOT NULL CHECK (price > 0),
                amount \(.integer) NOT NULL CHECK (amount >= price),
                region TEXT CHECK (length(region) = 2),
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            // What codes have paid for until now.
            """
            INSERT INTO prepaid_periods (
                payment_id, organisation_id, plan_id, cycle, subscription_reference, anchor_at, number, period_start,
                period_end, paid_at
            )
            SELECT payment_id, organisation_id, plan_id, cycle, subscription_reference, anchor_at, periods,
                period_start, period_end, paid_at
            FROM upi_payments WHERE payment_id IS NOT NULL
            """,
            // Codes without the columns that are in `prepaid_periods` now.
            """
            CREATE TABLE upi_payments_replacement (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL,
                person_id TEXT,
                plan_id TEXT NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                description TEXT NOT NULL,
                price \(.integer) NOT NULL CHECK (price > 0),
                amount \(.integer) NOT NULL CHECK (amount >= price),
                status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
                payment_id TEXT UNIQUE REFERENCES prepaid_periods (payment_id),
                bank_reference TEXT UNIQUE,
                created_at \(.integer) NOT NULL,
                expires_at \(.integer) NOT NULL CHECK (expires_at > created_at),
                CHECK ((status = 'completed') = (payment_id IS NOT NULL)),
                CHECK ((payment_id IS NULL) = (bank_reference IS NULL))
            ) \(.strict)
            """,
            """
            INSERT INTO upi_payments_replacement (
                id, organisation_id, person_id, plan_id, cycle, description, price, amount, status, payment_id,
                bank_reference, created_at, expires_at
            )
            SELECT id, organisation_id, person_id, plan_id, cycle, description, price, amount, status, payment_id,
                bank_reference, created_at, expires_at
            FROM upi_payments
            """,
            "DROP TABLE upi_payments",
            "ALTER TABLE upi_payments_replacement RENAME TO upi_payments",
            "CREATE INDEX upi_payments_by_organisation ON upi_payments (organisation_id, created_at)",
            "CREATE INDEX upi_payments_by_person ON upi_payments (person_id)",
            "CREATE INDEX upi_payments_by_time ON upi_payments (created_at)"
        )
    ]
}
