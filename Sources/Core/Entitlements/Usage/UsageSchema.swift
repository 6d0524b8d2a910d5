import Identity
import Modules

enum UsageSchema {
    static let migrations = [
        Migration(
            "entitlements-008-usage",
            // What is known of a usage entry that was reported from outside; the units stand in `usage_entries` alone.
            """
            CREATE TABLE usage_events (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                event_id TEXT NOT NULL,
                source TEXT,
                subject TEXT,
                fingerprint TEXT NOT NULL,
                adjusts_start \(.integer),
                recorded_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, operation_key)
            ) \(.strict)
            """,
            "CREATE INDEX usage_entries_by_time ON usage_entries (organisation_id, occurred_at, operation_key)",
            "CREATE INDEX usage_entries_by_meter ON usage_entries (organisation_id, meter, occurred_at)",
            """
            CREATE TABLE usage_alerts (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                percent \(.integer) NOT NULL CHECK (percent > 0),
                used \(.integer) NOT NULL CHECK (used > 0),
                allowed \(.integer) NOT NULL CHECK (allowed > 0),
                written_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, meter, period_start, percent)
            ) \(.strict)
            """
        ),
        Migration(
            "entitlements-009-concurrency",
            // A row for each kind of work that an organisation has more than once at a time: whoever counts that work takes it first.
            """
            CREATE TABLE concurrency_turns (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                kind TEXT NOT NULL,
                taken_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, kind)
            ) \(.strict)
            """
        ),
    ]
}

extension EntitlementsModule {
    /// What the tables above hold about people.
    var usageHoldings: [PersonalDataTable] {
        [
            PersonalDataTable(
                "usage-events", in: "usage_events", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "organisation_id", "operation_key", "event_id", "source", "subject", "adjusts_start", "recorded_at",
                ],
                orderedBy: "organisation_id, recorded_at, operation_key"
            ),
            PersonalDataTable(
                "usage-alerts", in: "usage_alerts", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "meter", "period_start", "percent", "used", "allowed", "written_at"],
                orderedBy: "organisation_id, meter, period_start, percent"
            ),
            PersonalDataTable(
                "concurrency-turns", in: "concurrency_turns", where: { "organisation_id IN \(list: $0.organisations)" }),
        ]
    }
}
