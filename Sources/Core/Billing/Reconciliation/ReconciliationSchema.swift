import Modules

enum ReconciliationSchema {
    static let migrations = [
        Migration(
            "billing-404-reconciliation",
            // The provider's balance transactions that were compared. Deleted after 400 days.
            """
            CREATE TABLE balance_entries (
                id TEXT PRIMARY KEY NOT NULL,
                kind TEXT NOT NULL,
                source TEXT,
                currency TEXT NOT NULL,
                amount \(.integer) NOT NULL,
                fee \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX balance_entries_by_source ON balance_entries (source) WHERE source IS NOT NULL",
            "CREATE INDEX balance_entries_by_time ON balance_entries (created_at)",
            // One row: until when balance transactions have been compared.
            """
            CREATE TABLE balance_comparison (
                id \(.integer) PRIMARY KEY NOT NULL CHECK (id = 1),
                compared_until \(.integer) NOT NULL
            ) \(.strict)
            """,
            // Resolved cases are deleted after 400 days; open ones stay.
            """
            CREATE TABLE reconciliation_cases (
                id TEXT PRIMARY KEY NOT NULL,
                kind TEXT NOT NULL,
                reference TEXT NOT NULL,
                currency TEXT,
                expected_minor \(.integer),
                found_minor \(.integer),
                detail TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('open', 'resolved')),
                note TEXT,
                resolved_by TEXT,
                created_at \(.integer) NOT NULL,
                resolved_at \(.integer),
                UNIQUE (kind, reference),
                CHECK ((state = 'resolved') = (note IS NOT NULL)),
                CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
            ) \(.strict)
            """,
            "CREATE INDEX reconciliation_cases_by_state ON reconciliation_cases (state, created_at)",
            "CREATE INDEX reconciliation_cases_by_resolver ON reconciliation_cases (resolved_by)"
        )
    ]
}
