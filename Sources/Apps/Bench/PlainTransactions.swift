import Foundation
import GRDBSQLite

/// Single-row transactions of one caller through SQLite's C interface: the rate that the disk allows.
struct PlainTransactions {
    let folder: String

    /// - Returns: transactions a second.
    func rate(seconds: Double) throws -> Double {
        var connection: OpaquePointer?
        guard sqlite3_open("\(folder)/plain.db", &connection) == SQLITE_OK else { throw CocoaError(.fileWriteUnknown) }
        defer { sqlite3_close(connection) }
        let schema =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
            + "CREATE TABLE entries (id INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT"
        guard sqlite3_exec(connection, schema, nil, nil, nil) == SQLITE_OK else { throw CocoaError(.fileWriteUnknown) }
        var statement: OpaquePointer?
        // A statement outside of BEGIN and COMMIT is a transaction.
        sqlite3_prepare_v2(
            connection, "INSERT INTO entries (note) VALUES ('01890000-0000-7000-8000-000000000000')", -1, &statement,
            nil)
        defer { sqlite3_finalize(statement) }
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        while clock.now - start < .seconds(seconds) {
            guard sqlite3_step(statement) == SQLITE_DONE else { throw CocoaError(.fileWriteUnknown) }
            sqlite3_reset(statement)
            count += 1
        }
        return Double(count) / ((clock.now - start) / .seconds(1))
    }
}
