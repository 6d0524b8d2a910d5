import Modules

enum ReservationsSchema {
    static let migrations = [
        Migration(
            "entitlements-002-reservations",
            // `recalled_at`: when the nodes that hold escrow blocks of the bucket were last asked to settle them.
            """
            CREATE TABLE buckets (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                used \(.integer) NOT NULL CHECK (used >= 0),
                held \(.integer) NOT NULL CHECK (held >= 0),
                recalled_at \(.integer),
                PRIMARY KEY (organisation_id, meter, period_start)
            ) \(.strict)
            """,
            // `node` and `epoch`: the owner of a reservation whose lifetime is that of its process; NULL where the
            // process is no node. `resolver`: the registered name of the resolver. `on_expiry` decides where that name
            // is not registered.
            """
            CREATE TABLE reservations (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount > 0),
                actual \(.integer) CHECK (actual >= 0),
                state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'released', 'expired')),
                lease_until \(.integer) NOT NULL,
                fence \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                lifetime TEXT NOT NULL CHECK (lifetime IN ('process', 'lease')),
                on_expiry TEXT NOT NULL CHECK (on_expiry IN ('release', 'commit')),
                resolver TEXT CHECK (resolver IS NULL OR on_expiry = 'commit'),
                node TEXT,
                epoch \(.integer),
                is_block \(.integer) NOT NULL CHECK (is_block IN (0, 1)),
                UNIQUE (organisation_id, operation_key)
            ) \(.strict)
            """,
            "CREATE INDEX reservations_by_lease ON reservations (lease_until) WHERE state = 'held'",
            """
            CREATE INDEX reservations_by_node ON reservations (node, epoch)
                WHERE state = 'held' AND lifetime = 'process'
            """,
            """
            CREATE INDEX reservations_blocks ON reservations (organisation_id, meter, period_start)
                WHERE state = 'held' AND is_block = 1
            """,
            """
            CREATE TABLE nodes (
                name TEXT PRIMARY KEY NOT NULL,
                epoch \(.integer) NOT NULL CHECK (epoch > 0),
                started_at \(.integer) NOT NULL,
                seen_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    ]

    static let serviceKeys = Migration(
        "entitlements-007-service-keys-of-units",
        // The service key that reserved, that settled, and that the units of an entry come from; NULL for units of a
        // product in this process.
        "ALTER TABLE reservations ADD COLUMN service_key TEXT",
        "ALTER TABLE reservations ADD COLUMN settled_by TEXT",
        "ALTER TABLE usage_entries ADD COLUMN service_key TEXT"
    )

    static let retention = Migration(
        "entitlements-009-retention-of-reservations",
        // The reservation that the units were committed with: it answers a repeat after the reservation is deleted.
        "ALTER TABLE usage_entries ADD COLUMN reservation_id TEXT",
        """
        UPDATE usage_entries SET reservation_id = (
            SELECT id FROM reservations WHERE reservations.organisation_id = usage_entries.organisation_id
                AND reservations.operation_key = usage_entries.operation_key
        )
        """,
        """
        CREATE INDEX usage_entries_by_reservation ON usage_entries (reservation_id) WHERE reservation_id IS NOT NULL
        """,
        "CREATE INDEX reservations_by_settlement ON reservations (state, settled_at) WHERE state <> 'held'"
    )
}
