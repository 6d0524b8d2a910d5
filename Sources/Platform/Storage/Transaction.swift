package import Base

/// The driver's side of an open transaction: it runs one statement. Everything else is built on it.
package protocol TransactionEngine: AnyObject {
    var dialect: SQL.Dialect { get }

    /// What the driver does after the commit. An engine that wraps another passes the other's on.
    var effects: CommitEffects { get set }

    /// Runs one statement.
    ///
    /// A failed statement ends the transaction, also for a body that catches the error: every further statement fails
    /// with the same error, and so does the commit. PostgreSQL requires this; SQLite behaves alike.
    /// - Returns: the rows of the result and the number of changed rows.
    /// - Throws: ``StorageError``.
    func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int)
}

/// What a transaction leaves to do after its commit. A rolled back transaction or savepoint drops it.
package struct CommitEffects: Sendable {
    /// Run in this process, in order, on the thread that committed.
    package var actions: [@Sendable () -> Void] = []
    /// Sent to the other processes on the same database.
    package var messages: [String] = []

    package init() {}

    package func runActions() {
        for action in actions { action() }
    }
}

/// An open transaction. It is not `Sendable` and lives only inside a synchronous closure: nothing can suspend while it
/// is open.
///
/// Stores are internal extensions of this type.
package final class Transaction {
    /// UTF-8 bytes of one message to other processes.
    static let messageBytesMax = 512

    /// The database's own time when the transaction began. Leases and due times are compared with this clock only.
    package let now: Instant
    /// For types that wrap a driver, such as `FaultyDatabase`.
    package let engine: any TransactionEngine

    package init(engine: any TransactionEngine, now: Instant) {
        self.engine = engine
        self.now = now
    }

    package var dialect: SQL.Dialect { engine.dialect }

    /// Runs a statement for its effect.
    /// - Returns: the number of changed rows.
    @discardableResult
    package func execute(_ sql: SQL) throws -> Int {
        try run(sql).changes
    }

    package func all(_ sql: SQL) throws -> [Row] { try run(sql).rows }

    package func first(_ sql: SQL) throws -> Row? { try all(sql).first }

    package func all<Record>(_ sql: SQL, _ read: (Row) throws -> Record) throws -> [Record] { try all(sql).map(read) }

    package func first<Record>(_ sql: SQL, _ read: (Row) throws -> Record) throws -> Record? {
        try first(sql).map(read)
    }

    /// The `count` column of the first row, as in `SELECT COUNT(*) AS count …`; 0 without a row.
    package func count(_ sql: SQL) throws -> Int64 { try first(sql)?["count"] ?? 0 }

    /// The number of rows of a table that meet a condition. Without a condition SQLite adds up the pages of the smallest
    /// index, which takes a sixth of the time of looking at its entries.
    package func count(of table: StaticString, where condition: SQL) throws -> Int64 {
        let rows = SQL(trusted: "SELECT COUNT(*) AS count FROM \(table)")
        return try count(condition.isAlways ? rows : "\(rows) WHERE \(condition)")
    }

    /// Runs `action` once after the commit of this transaction, before its caller continues. It never runs for a
    /// transaction that is rolled back, that is tried again (the last try registers it anew), whose outcome is unknown,
    /// or that only reads.
    /// - Parameter action: must not block: it runs on a thread of the driver.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) { engine.effects.actions.append(action) }

    /// Sends `message` to the other processes on this database after the commit, under the conditions of
    /// ``afterCommit(_:)``. Delivery is not guaranteed: receivers also poll.
    /// - Parameter message: one line of at most 512 bytes of UTF-8: ids and kinds only.
    package func notifyOtherProcesses(_ message: String) {
        precondition(
            (1...Self.messageBytesMax).contains(message.utf8.count) && !message.contains("\n"),
            "a message between processes is one line of 1 to \(Self.messageBytesMax) bytes")
        engine.effects.messages.append(message)
    }

    private func run(_ sql: SQL) throws -> (rows: [Row], changes: Int) {
        let (text, values) = sql.rendered(for: engine.dialect)
        for (index, value) in values.enumerated() where !value.isStorable {
            throw StorageError(
                .other, code: "unstorable",
                message: "value \(index + 1) of the statement holds a NUL character or is not a number")
        }
        return try engine.run(text, values)
    }
}

extension SQL.Value {
    /// Whether both engines keep the value unchanged: PostgreSQL has no NUL in text, SQLite would cut the text there;
    /// SQLite turns NaN into NULL.
    fileprivate var isStorable: Bool {
        switch self {
        case .text(let text): !text.hasNUL
        case .real(let number): !number.isNaN
        case .integer, .null: true
        }
    }
}
