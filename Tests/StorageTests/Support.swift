import Base
import Storage
import Synchronization
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

/// Messages from the body of a transaction, which cannot await, to its test.
final class Signal: Sendable {
    private let stream: AsyncStream<Int64>
    private let continuation: AsyncStream<Int64>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func send(_ value: Int64 = 0) { continuation.yield(value) }

    /// Waits for the next message.
    @discardableResult
    func received() async -> Int64? { await stream.first { _ in true } }
}

/// Counts across the runs of a body.
final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }

    /// - Returns: 1 for the first call, 2 for the second.
    @discardableResult
    func next() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}
