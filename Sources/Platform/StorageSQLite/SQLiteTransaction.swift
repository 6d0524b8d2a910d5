import Base
import GRDB
import Storage

/// Runs statements for an open transaction on one of GRDB's connections.
final class SQLiteTransaction: TransactionEngine {
    let dialect = Storage.SQL.Dialect.sqlite
    private let connection: GRDB.Database
    private let catalogue: StatementCatalogue
    private let deadline: ReadDeadline?
    /// The error of the first failed statement.
    private(set) var failure: StorageError?
    var effects = CommitEffects()

    /// - Parameter deadline: of a read.
    init(_ connection: GRDB.Database, _ catalogue: StatementCatalogue, deadline: ReadDeadline? = nil) {
        self.connection = connection
        self.deadline = deadline
        self.catalogue = catalogue
    }

    /// Runs a body.
    /// - Throws: also when the body caught the error of a failed statement and went on.
    func perform<Result>(_ body: (Transaction) throws -> Result, now: Instant) throws -> Result {
        let result = try body(Transaction(engine: self, now: now))
        if let failure { throw failure }
        return result
    }

    func run(_ text: String, _ values: [Storage.SQL.Value]) throws -> (rows: [Storage.Row], changes: Int) {
        if let failure { throw failure }
        try deadline?.check()
        do {
            return try execute(text, values)
        } catch let error as DatabaseError {
            let failure = StorageError(error)
            self.failure = failure
            throw failure
        }
    }

    private func execute(_ text: String, _ values: [Storage.SQL.Value]) throws -> (rows: [Storage.Row], changes: Int) {
        let statement = try SQLiteStatement(text, on: connection)
        defer { statement.reset() }
        if statement.isNew { catalogue.register(text) }
        try statement.bind(values)
        let changesBefore = statement.totalChanges
        var rows: [Storage.Row] = []
        if try statement.step() {
            let columns = Storage.Row.Columns(statement.columnNames)
            repeat {
                rows.append(Storage.Row(columns: columns, values: try statement.values(columns.names.count)))
            } while try statement.step()
        }
        // `changes` keeps the count of an earlier statement when this one changed nothing.
        return (rows, statement.totalChanges == changesBefore ? 0 : statement.changes)
    }
}

extension GRDB.Database {
    /// Runs a statement that begins or ends a transaction through GRDB, which tracks the transaction's state. It stays
    /// prepared.
    func runTransactionStatement(_ text: String) throws { try cachedStatement(sql: text).execute() }
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
                case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
                case .SQLITE_INTERRUPT: .cancelled
                // GRDB's error when the pool was closed meanwhile.
                case .SQLITE_MISUSE: .overloaded
                default: .other
                }
            }
        let reason = error.message ?? "SQLite gives no reason"
        self.init(
            kind, code: String(error.extendedResultCode.rawValue),
            message: kind == .damaged
                ? "The database file is damaged: \(reason). Stop every gatehouse process and restore it from a backup."
                : reason)
    }
}

extension Problem {
    static func leavingSQLite(_ error: any Error) -> Problem {
        leavingStorage((error as? DatabaseError).map { StorageError($0) } ?? error)
    }
}
