import Modules

enum PrepaidSchema {
    static let migrations = [
        Migration(
            "billing-601-prepaid-periods",
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
            """
        )
    ]
}
