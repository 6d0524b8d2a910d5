import Modules

enum ProviderCallSchema {
    static let migrations = [
        Migration(
            "billing-100-provider-calls",
            """
            CREATE TABLE provider_calls (
                id TEXT PRIMARY KEY NOT NULL,
                purpose TEXT NOT NULL,
                subject TEXT NOT NULL,
                number \(.integer) NOT NULL CHECK (number > 0),
                organisation_id TEXT,
                idempotency_key TEXT NOT NULL UNIQUE,
                request TEXT NOT NULL,
                state TEXT NOT NULL
                    CHECK (state IN ('pending', 'sending', 'done', 'refused', 'unknown', 'stuck')),
                attempts \(.integer) NOT NULL CHECK (attempts >= 0),
                absences \(.integer) NOT NULL CHECK (absences >= 0),
                fence \(.integer) NOT NULL CHECK (fence >= 0),
                first_sent_at \(.integer),
                sent_at \(.integer),
                lease_until \(.integer),
                next_at \(.integer),
                object TEXT,
                refusal TEXT,
                unknown_reason TEXT,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                UNIQUE (subject, number),
                CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
                CHECK ((state = 'unknown') = (next_at IS NOT NULL)),
                CHECK ((state IN ('done', 'refused')) = (settled_at IS NOT NULL)),
                CHECK ((state = 'done') = (object IS NOT NULL)),
                CHECK ((state = 'refused') = (refusal IS NOT NULL))
            ) \(.strict)
            """,
            """
            CREATE INDEX provider_calls_open ON provider_calls (created_at)
                WHERE state NOT IN ('done', 'refused')
            """,
            "CREATE INDEX provider_calls_settled ON provider_calls (settled_at) WHERE settled_at IS NOT NULL",
            "CREATE INDEX provider_calls_by_organisation ON provider_calls (organisation_id)"
        )
    ]
}
