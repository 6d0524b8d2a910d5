package import Storage

/// Runs the statements of a transaction and records them.
///
/// ```swift
/// let engine = RecordingEngine(transaction.engine)
/// try body(Transaction(engine: engine, now: transaction.now))
/// ```
package final class RecordingEngine: TransactionEngine {
    package struct Statement: Sendable {
        package let text: String
        package let values: [SQL.Value]
    }

    private let engine: any TransactionEngine
    package private(set) var statements: [Statement] = []

    package init(_ engine: any TransactionEngine) { self.engine = engine }

    package var dialect: SQL.Dialect { engine.dialect }
    package var effects: CommitEffects {
        get { engine.effects }
        set { engine.effects = newValue }
    }

    package func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int) {
        statements.append(Statement(text: text, values: values))
        return try engine.run(text, values)
    }
}
