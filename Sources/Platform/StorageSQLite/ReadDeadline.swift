import GRDB
import GRDBSQLite
import Storage

/// The end of a read's time: SQLite cannot reset the WAL behind an open snapshot.
final class ReadDeadline {
    /// Instructions of SQLite's virtual machine between two looks at the clock: well below a millisecond.
    private static let instructions: Int32 = 10_000

    private let end: ContinuousClock.Instant
    private let limit: Duration

    init(after limit: Duration) {
        self.limit = limit
        end = .now + limit
    }

    /// Runs `body`, during which a statement of `connection` ends with an error after the deadline.
    func watch<Result>(_ connection: GRDB.Database, _ body: () throws -> Result) throws -> Result {
        // The deadline outlives the handler, which is removed before this returns.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_progress_handler(
            connection.sqliteConnection, Self.instructions,
            { context in
                guard let context else { return 0 }
                return Unmanaged<ReadDeadline>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
            }, context)
        defer { sqlite3_progress_handler(connection.sqliteConnection, 0, nil, nil) }
        do {
            return try body()
        } catch {
            throw (error as? StorageError)?.kind == .cancelled ? failure : error
        }
    }

    /// For reads of many short statements.
    func check() throws(StorageError) {
        if isOver { throw failure }
    }

    private var isOver: Bool { ContinuousClock.now >= end }

    private var failure: StorageError {
        StorageError(.overloaded, code: "read-time", message: "a read took longer than \(limit) and was ended")
    }
}
