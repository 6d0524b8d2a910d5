import Base
import GRDB
package import Storage

/// A database file that is read as a whole while no other process has it open: another one that opens it meanwhile is
/// refused. Nothing is written, except that closing copies commits of a killed process from the WAL to the file.
package final class SQLiteSource: Sendable {
    private let connection: DatabaseQueue
    private let catalogue = StatementCatalogue {}

    /// How long a process that ends may still have the file open.
    private static let busyTimeoutSeconds = 1.0

    /// Opens and checks the file. Blocks the calling thread.
    /// - Throws: ``UnusableDatabase`` where another process has it open, and where it is damaged or missing.
    package init(_ path: String) throws {
        guard let opened = SQLiteFileIdentity.target(of: path) else {
            throw UnusableDatabase("There is no database at \(path).")
        }
        var configuration = Configuration()
        configuration.label = "gatehouse-source"
        configuration.busyMode = .timeout(Self.busyTimeoutSeconds)
        // Processes that use a file in WAL mode hold a shared lock on it as long as it is open; in this mode SQLite
        // takes an exclusive one and keeps it: https://www.sqlite.org/wal.html#noshm
        configuration.prepareDatabase {
            try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY")
        }
        do {
            connection = try DatabaseQueue(path: opened, configuration: configuration)
            try connection.writeWithoutTransaction { connection in
                // A file in another mode than WAL is locked by a transaction only. It writes nothing.
                try connection.execute(sql: "BEGIN EXCLUSIVE; COMMIT")
                try SQLiteFile.check(connection, path)
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            throw UnusableDatabase(
                "The database \(path) is open in another process. Stop every gatehouse process that uses it, and try "
                    + "again.")
        } catch let error as DatabaseError {
            throw UnusableDatabase(
                "The database \(path) cannot be read: \(error.message ?? "SQLite error") "
                    + "(code \(error.extendedResultCode.rawValue)).")
        }
    }

    /// Runs `body` in a transaction that cannot write. Blocks the calling thread.
    package func read<Result>(_ body: (Transaction) throws -> Result) throws -> Result {
        try connection.read { connection in
            try SQLiteTransaction(connection, catalogue).perform(body, now: Instant(microseconds: 0))
        }
    }

    /// Passes the rows of a query to `body`, in batches that end at a number of rows or of bytes, whichever comes
    /// first. Blocks the calling thread.
    package func forEachBatch(
        of query: Storage.SQL, rowsMax: Int, bytesMax: Int, _ body: ([Storage.Row]) throws -> Void
    ) throws {
        do {
            try connection.read { connection in
                let (text, values) = query.rendered(for: .sqlite)
                let statement = try SQLiteStatement(text, on: connection)
                defer { statement.reset() }
                try statement.bind(values)
                let columns = Storage.Row.Columns(statement.columnNames)
                var (batch, bytes): ([Storage.Row], Int) = ([], 0)
                while try statement.step() {
                    let row = Storage.Row(columns: columns, values: try statement.values(columns.names.count))
                    batch.append(row)
                    bytes += row.bytes
                    guard batch.count >= rowsMax || bytes >= bytesMax else { continue }
                    try body(batch)
                    (batch, bytes) = ([], 0)
                }
                if !batch.isEmpty { try body(batch) }
            }
        } catch let error as DatabaseError {
            throw StorageError(error)
        }
    }

    /// Lets other processes open the file.
    package func close() throws { try connection.close() }
}

extension Storage.Row {
    /// About the memory of its values.
    fileprivate var bytes: Int {
        values.reduce(0) { sum, value in
            if case .text(let text) = value { sum + text.utf8.count } else { sum + 8 }
        }
    }
}
