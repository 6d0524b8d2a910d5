package import Base

/// What a driver does for an open transaction: run one statement. Everything else is built on it.
package protocol TransactionEngine: AnyObject {
    var dialect: SQL.Dialect { get }
    /// Runs one statement.
    ///
    /// A statement that failed has ended the transaction, also for a body that caught the error: every further statement fails
    /// as it did, and so does the transaction. PostgreSQL is like that, so SQLite is too.
    /// - Returns: the rows it answered with and how many it changed.
    /// - Throws: ``StorageError``.
    func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int)
}

/// An open transaction. It is not `Sendable` and lives only inside a synchronous closure: nothing can suspend while it is open.
///
/// Stores are internal extensions of this type; what they offer their services are verbs in the product's words.
package final class Transaction {
    /// The database's own time when the transaction began. Leases and due times are compared with this and with no other clock.
    package let now: Instant
    /// The driver's side, for those who stand between a transaction and its driver: FaultyDatabase wraps it.
    package let engine: any TransactionEngine

    package init(engine: any TransactionEngine, now: Instant) {
        self.engine = engine
        self.now = now
    }

    package var dialect: SQL.Dialect { engine.dialect }

    /// Runs a statement for its effect.
    /// - Returns: how many rows it changed.
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

    /// The number that a `SELECT COUNT(*) AS count …` answers.
    package func count(_ sql: SQL) throws -> Int64 { try first(sql)?["count"] ?? 0 }

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
    /// Whether both engines keep the value as it is: PostgreSQL has no NUL in text, and SQLite would cut the text there; SQLite turns NaN into NULL.
    fileprivate var isStorable: Bool {
        switch self {
        case .text(let text): !text.utf8.contains(0)
        case .real(let number): !number.isNaN
        case .integer, .null: true
        }
    }
}
