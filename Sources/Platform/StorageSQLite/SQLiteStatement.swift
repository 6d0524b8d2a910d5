import GRDB
import GRDBSQLite
import Storage

/// A statement that GRDB prepared and caches, run through SQLite's C interface: values and rows are not converted to
/// GRDB's types.
///
/// It is not for statements that begin or end a transaction, because GRDB tracks those.
struct SQLiteStatement {
    private let prepared: GRDB.Statement
    private let statement: OpaquePointer
    private let connection: OpaquePointer

    init(_ text: String, on database: GRDB.Database) throws {
        guard let connection = database.sqliteConnection else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the connection is closed")
        }
        self.connection = connection
        prepared = try database.cachedStatement(sql: text)
        statement = prepared.sqliteStatement
    }

    /// Whether this connection has not run it since it was prepared.
    var isNew: Bool { sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_RUN, 0) == 0 }
    var columnCount: Int { Int(sqlite3_column_count(statement)) }
    var columnNames: [String] {
        // GRDB keeps them with the statement. The columns of `SELECT *` change with its table.
        let (names, count) = (prepared.columnNames, columnCount)
        guard names.count != count else { return names }
        return (0..<count).map { String(cString: sqlite3_column_name(statement, Int32($0))) }
    }
    /// Rows that the connection has changed so far, and rows of its last statement that changed any.
    var totalChanges: Int32 { sqlite3_total_changes(connection) }
    var changes: Int { Int(sqlite3_changes(connection)) }

    func bind(_ values: [Storage.SQL.Value]) throws {
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            let code =
                switch value {
                case .null: sqlite3_bind_null(statement, position)
                case .integer(let value): sqlite3_bind_int64(statement, position, value)
                case .real(let value): sqlite3_bind_double(statement, position, value)
                case .text(var text): text.withUTF8 { bytes in bind(bytes, at: position) }
                }
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    private func bind(_ text: UnsafeBufferPointer<UInt8>, at position: Int32) -> Int32 {
        guard let start = text.baseAddress else { return sqlite3_bind_text(statement, position, "", 0, Self.copied) }
        return start.withMemoryRebound(to: CChar.self, capacity: text.count) {
            sqlite3_bind_text(statement, position, $0, Int32(text.count), Self.copied)
        }
    }

    /// `SQLITE_TRANSIENT`: SQLite copies the bound bytes.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    /// - Returns: false at the end of the result.
    func step() throws -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        case let code: throw failure(code)
        }
    }

    /// The current row.
    func values(_ count: Int) throws -> [Storage.SQL.Value] {
        var values: [Storage.SQL.Value] = []
        values.reserveCapacity(count)
        for column in 0..<Int32(count) {
            switch sqlite3_column_type(statement, column) {
            case SQLITE_NULL: values.append(.null)
            case SQLITE_INTEGER: values.append(.integer(sqlite3_column_int64(statement, column)))
            case SQLITE_FLOAT: values.append(.real(sqlite3_column_double(statement, column)))
            case SQLITE_TEXT:
                let text = UnsafeBufferPointer(
                    start: sqlite3_column_text(statement, column), count: Int(sqlite3_column_bytes(statement, column)))
                values.append(.text(String(decoding: text, as: UTF8.self)))
            default:
                throw StorageError(
                    .other, code: "blob",
                    message: "the column \(columnNames[Int(column)]) holds a blob; only text and numbers are supported")
            }
        }
        return values
    }

    /// Ends this execution; until then the statement holds a read lock.
    func reset() { sqlite3_reset(statement) }

    private func failure(_ code: Int32) -> DatabaseError {
        DatabaseError(resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(connection)))
    }
}

extension GRDB.Database {
    /// Runs a `SAVEPOINT`, `RELEASE` or `ROLLBACK TO`, past GRDB: there are two for each write, and GRDB need not track
    /// them.
    func runSavepointStatement(_ text: String) throws {
        let statement = try SQLiteStatement(text, on: self)
        defer { statement.reset() }
        _ = try statement.step()
    }
}
