package import Storage

package enum MailSchema {
    package static let migrations = [
        Migration(
            "mail-001-outbox",
            """
            CREATE TABLE outbox (
                id TEXT PRIMARY KEY NOT NULL,
                sealed_email TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                sent_at \(.integer),
                attempts \(.integer) NOT NULL DEFAULT 0,
                unconfirmed_attempts \(.integer) NOT NULL DEFAULT 0,
                attempt_began_at \(.integer),
                failed_at \(.integer),
                failure TEXT
            ) \(.strict)
            """,
            "CREATE INDEX outbox_by_age ON outbox (created_at)",
            "CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL"
        )
    ]
}
