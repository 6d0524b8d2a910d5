import Storage

/// The engine of a transaction whose statements a test makes fail. As in operation, a statement that fails ends its
/// transaction.
final class FaultyEngine: TransactionEngine {
    private let engine: any TransactionEngine
    private let beforeStatement: (String) throws(StorageError) -> Void
    private(set) var failure: StorageError?

    /// - Parameter beforeStatement: gets the text of each statement; its error is that of the statement.
    init(_ engine: any TransactionEngine, beforeStatement: @escaping (String) throws(StorageError) -> Void) {
        self.engine = engine
        self.beforeStatement = beforeStatement
    }

    var dialect: SQL.Dialect { engine.dialect }
    var effects: CommitEffects {
        get { engine.effects }
        set { engine.effects = newValue }
    }

    func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int) {
        if let failure { throw failure }
        do {
            try beforeStatement(text)
            return try engine.run(text, values)
        } catch let error as StorageError {
            failure = error
            throw error
        }
    }
}
