import Base
import Storage
import TestKit

/// Runs `body` with a database with the tables of these tests.
func withTables(_ engine: Engine, _ body: (any Database) async throws -> Void) async throws {
    try await withDatabase(engine) { database in
        try await createTables(in: database)
        try await body(database)
    }
}

func createTables(in database: any Database) async throws {
    try await database.migrate { transaction in
        try transaction.execute(
            """
            CREATE TABLE things (
                id TEXT PRIMARY KEY NOT NULL,
                integer \(.integer) CHECK (integer > -1000),
                real \(.real),
                text TEXT UNIQUE
            ) \(.strict)
            """
        )
        try transaction.execute(
            """
            CREATE TABLE parts (
                id TEXT PRIMARY KEY NOT NULL,
                thing_id TEXT NOT NULL REFERENCES things (id)
            ) \(.strict)
            """
        )
        try transaction.execute("CREATE TABLE free (integer \(.integer), real \(.real), text TEXT) \(.strict)")
        try transaction.execute(
            """
            CREATE TABLE usage (
                organisation_id TEXT NOT NULL,
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                used \(.integer) NOT NULL CHECK (used >= 0),
                PRIMARY KEY (organisation_id, meter, period_start)
            ) \(.strict)
            """
        )
    }
}

/// The number of rows of `things`.
func count(_ database: any Database) async throws -> Int64 {
    try await database.read { try $0.count("SELECT COUNT(*) AS count FROM things") }
}
