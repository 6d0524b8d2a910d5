import Modules

enum UPISchema {
    // Payers are organisations, or pseudonyms of erased ones: rows of money stay. Amounts of `upi_payments` are paise.
    static let migrations = [
        Migration(
            "billing-611-upi",
            """
            CREATE TABLE upi_payments (
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
            "CREATE INDEX upi_payments_by_organisation ON upi_payments (organisation_id, created_at)",
            "CREATE INDEX upi_payments_by_person ON upi_payments (person_id)",
            "CREATE INDEX upi_payments_by_time ON upi_payments (created_at)",
            """
            CREATE TABLE upi_receipts (
                id TEXT PRIMARY KEY NOT NULL,
                bank_reference TEXT NOT NULL UNIQUE,
                reference TEXT NOT NULL,
                organisation_id TEXT,
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                amount \(.integer) NOT NULL CHECK (amount > 0),
                source TEXT NOT NULL CHECK (source IN ('callback', 'administrator')),
                outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'unclaimed', 'credited', 'refunded')),
                reason TEXT,
                received_at \(.integer) NOT NULL,
                resolved_at \(.integer),
                resolved_by TEXT,
                refund_reference TEXT UNIQUE,
                note TEXT,
                CHECK ((outcome = 'applied') = (reason IS NULL)),
                CHECK ((outcome IN ('credited', 'refunded')) = (resolved_at IS NOT NULL)),
                CHECK ((outcome = 'refunded') = (refund_reference IS NOT NULL))
            ) \(.strict)
            """,
            "CREATE INDEX upi_receipts_by_outcome ON upi_receipts (outcome, received_at)",
            "CREATE INDEX upi_receipts_by_organisation ON upi_receipts (organisation_id)",
            // The bank's references of money that was returned, from the queue or by a refund: each is used once.
            """
            CREATE TABLE bank_refund_references (
                reference TEXT PRIMARY KEY NOT NULL,
                subject TEXT NOT NULL,
                entered_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX bank_refund_references_by_subject ON bank_refund_references (subject)"
        )
    ]
}
