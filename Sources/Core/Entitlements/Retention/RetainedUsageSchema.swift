import Modules

enum RetainedUsageSchema {
    static let migrations = [
        Migration(
            "entitlements-006-retained-usage",
            // `address_hash`: an HMAC of a verified address whose account is closed or erased, or has another one.
            // `trial_ends_at`: until when the trial counts as used; NULL where there was none.
            """
            CREATE TABLE retained_periods (
                address_hash TEXT PRIMARY KEY NOT NULL,
                anchor_at \(.integer) NOT NULL,
                period_ends_at \(.integer) NOT NULL,
                trial_ends_at \(.integer)
            ) \(.strict)
            """,
            "CREATE INDEX retained_periods_by_end ON retained_periods (period_ends_at)",
            """
            CREATE TABLE retained_units (
                address_hash TEXT NOT NULL,
                meter TEXT NOT NULL,
                units \(.integer) NOT NULL CHECK (units > 0),
                PRIMARY KEY (address_hash, meter)
            ) \(.strict)
            """
        )
    ]
}
