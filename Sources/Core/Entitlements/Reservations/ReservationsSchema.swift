import Modules

enum ReservationsSchema {
    static let migrations = [
        Migration(
            "entitlements-006-reservation-moves",
            "ALTER TABLE reservations ADD COLUMN life TEXT NOT NULL DEFAULT 'work' CHECK (life IN ('process', 'work'))",
            "ALTER TABLE reservations ADD COLUMN excess TEXT NOT NULL DEFAULT 'overrun' CHECK (excess IN ('cap', 'overage', 'overrun'))",
            "ALTER TABLE reservations ADD COLUMN on_loss TEXT NOT NULL DEFAULT 'release' CHECK (on_loss IN ('release', 'settle'))",
            // Whose it is, where it dies with its process; nobody's where the process has not said its name.
            "ALTER TABLE reservations ADD COLUMN node TEXT",
            "ALTER TABLE reservations ADD COLUMN epoch \(.integer)",
            "ALTER TABLE reservations ADD COLUMN is_block \(.integer) NOT NULL DEFAULT 0 CHECK (is_block IN (0, 1))",
            "CREATE INDEX reservations_by_node ON reservations (node, epoch) WHERE state = 'held' AND life = 'process'",
            "CREATE INDEX reservations_blocks ON reservations (organisation_id, meter, period_start) WHERE state = 'held' AND is_block = 1",
            // How many of an entry's units lay beyond the limit: agreed upon, or an overrun.
            "ALTER TABLE usage_entries ADD COLUMN beyond \(.integer) NOT NULL DEFAULT 0 CHECK (beyond >= 0)",
            "UPDATE usage_entries SET beyond = amount WHERE is_overrun = 1",
            // When those who hold blocks of it were last asked to give them back.
            "ALTER TABLE buckets ADD COLUMN recalled_at \(.integer)",
            """
            CREATE TABLE nodes (
                name TEXT PRIMARY KEY NOT NULL,
                epoch \(.integer) NOT NULL CHECK (epoch > 0),
                begun_at \(.integer) NOT NULL,
                seen_at \(.integer) NOT NULL
            ) \(.strict)
            """
        ),
        // Who is asked after it when it is lost. `on_loss` says what becomes of it where nobody answers to that name.
        Migration(
            "entitlements-010-witnesses",
            "ALTER TABLE reservations ADD COLUMN asks TEXT CHECK (asks IS NULL OR on_loss = 'settle')"),
    ]
}
