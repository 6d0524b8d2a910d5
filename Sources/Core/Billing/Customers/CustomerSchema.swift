import Modules

enum CustomerSchema {
    static let migrations = [
        Migration(
            "billing-102-customers",
            // Without a provider's id: its making is under way.
            """
            CREATE TABLE provider_customers (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL UNIQUE REFERENCES organisations (id),
                provider_id TEXT UNIQUE,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    ]
}
