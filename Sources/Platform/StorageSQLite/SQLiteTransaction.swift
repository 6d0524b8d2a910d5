import Base
import GRDB
import Storage

/// Runs statements for an open transaction on one of GRDB's connections.
final class SQLiteTransaction: TransactionEngine {
    let dialect = Storage.SQL.Dialect.sqlite
    private let connection: GRDB.Database
    private let catalogue: StatementCatalogue
    /// What the first failed statement was refused for.
    private(set) var failure: StorageError?

    init(_ connection: GRDB.Database, _ catalogue: StatementCatalogue) {
        self.connection = connection
        self.catalogue = catalogue
    }

    /// Runs a body to its end, which is no success when it caught a failed statement's error and went on.
    func perform<Result>(_ body: (Transaction) throws -> Result, now: Instant) throws -> Result {
        let result = try body(Transaction(engine: self, now: now))
        if let failure { throw failure }
        return result
    }

    func run(_ text: String, _ values: [Storage.SQL.Value]) throws -> (rows: [Storage.Row], changes: Int) {
        if let failure { throw failure }
        do {
            return try execute(text, values)
        } catch let error as DatabaseError {
            let failure = StorageError(error)
            self.failure = failure
            throw failure
        }
    }

    private func execute(_ text: String, _ values: [Storage.SQL.Value]) throws -> (rows: [Storage.Row], changes: Int) {
        let statement = try connection.cachedStatement(sql: text)
        statement.setUncheckedArguments(StatementArguments(values.map(\.databaseValue)))
        let changesBefore = connection.totalChangesCount
        var rows: [Storage.Row] = []
        if statement.columnCount == 0 {
            catalogue.admit(text)
            try statement.execute()
        } else {
            rows = try self.rows(of: statement, text)
        }
        // `changesCount` still tells of an earlier statement when this one changed nothing.
        return (rows, connection.totalChangesCount == changesBefore ? 0 : connection.changesCount)
    }

    private func rows(of statement: Statement, _ text: String) throws -> [Storage.Row] {
        let columns = catalogue.columns(of: text, count: statement.columnCount) { statement.columnNames }
        var rows: [Storage.Row] = []
        try GRDB.Row.fetchCursor(statement).forEach { row in
            var values: [Storage.SQL.Value] = []
            values.reserveCapacity(row.count)
            for index in 0..<row.count {
                let value: DatabaseValue = row[index]
                switch value.storage {
                case .null: values.append(.null)
                case .int64(let integer): values.append(.integer(integer))
                case .double(let real): values.append(.real(real))
                case .string(let text): values.append(.text(text))
                case .blob:
                    throw StorageError(.other, code: "blob", message: "the column \(columns.names[index]) holds a blob; our tables hold text and numbers")
                }
            }
            rows.append(Storage.Row(columns: columns, values: values))
        }
        return rows
    }
}

extension Storage.SQL.Value {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .real(let value): value.databaseValue
        case .text(let value): value.databaseValue
        }
    }
}

extension GRDB.Database {
    /// Runs one of the few statements that steer transactions; they stay prepared.
    func perform(_ text: String) throws { try cachedStatement(sql: text).execute() }
}

extension StorageError {
    init(_ error: DatabaseError) {
        let kind: Kind =
            switch error.extendedResultCode {
            case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID: .duplicate
            case .SQLITE_CONSTRAINT_FOREIGNKEY: .reference
            case .SQLITE_CONSTRAINT_CHECK, .SQLITE_CONSTRAINT_NOTNULL, .SQLITE_CONSTRAINT_TRIGGER: .check
            default:
                switch error.resultCode {
                case .SQLITE_FULL: .full
                case .SQLITE_BUSY, .SQLITE_LOCKED: .serialization
                case .SQLITE_INTERRUPT: .cancelled
                // GRDB's answer when the pool was closed in the meantime.
                case .SQLITE_MISUSE: .overloaded
                default: .other
                }
            }
        self.init(kind, code: String(error.extendedResultCode.rawValue), message: error.message ?? "SQLite gives no reason")
    }
}

extension Problem {
    static func leavingSQLite(_ error: any Error) -> Problem {
        leavingStorage((error as? DatabaseError).map { StorageError($0) } ?? error)
    }
}
