import Modules

enum RefundSchema {
    static let migrations = [
        Migration(
            "billing-104-refunds",
            """
            CREATE TABLE refunds (
                id TEXT PRIMARY KEY NOT NULL,
                payment_id TEXT NOT NULL REFERENCES payments (id),
                organisation_id TEXT NOT NULL,
                currency TEXT NOT NULL CHECK (length(currency) = 3),
                amount \(.integer) NOT NULL CHECK (amount > 0),
                from_revenue \(.integer) NOT NULL CHECK (from_revenue BETWEEN 0 AND amount),
                reason TEXT NOT NULL,
                refund_key TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('requested', 'pending', 'succeeded', 'failed')),
                provider_id TEXT UNIQUE,
                failure_code TEXT,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                UNIQUE (payment_id, refund_key),
                CHECK ((state IN ('succeeded', 'failed')) = (settled_at IS NOT NULL))
            ) \(.strict)
            """,
            "CREATE INDEX refunds_by_organisation ON refunds (organisation_id)",
            "CREATE INDEX refunds_by_state ON refunds (state, created_at)"
        )
    ]
}
