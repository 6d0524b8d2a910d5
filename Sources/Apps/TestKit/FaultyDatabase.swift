package import Base
package import Storage
import Synchronization

/// A database whose writes meet a failure at a chosen statement: for checking that every verb that moves quota or money leaves the
/// books balanced wherever it is broken off.
///
/// ```swift
/// for statement in 1... {
///     let faulty = FaultyDatabase(database, failingAt: statement)
///     _ = try? await service(on: faulty).verb()
///     try await requireBalanced(database)
///     if faulty.statementCount < statement { break }      // the verb ran untouched: every statement has failed once
/// }
/// ```
package final class FaultyDatabase: Database {
    private let database: any Database
    private let counter: StatementCounter

    /// - Parameter failingAt: which statement of its writes fails, counted from 1; nil only counts.
    package init(_ database: any Database, failingAt number: Int?) {
        self.database = database
        counter = StatementCounter(failingAt: number)
    }

    /// How many statements the writes have tried, the failing one included.
    package var statementCount: Int { counter.count }

    package var dialect: SQL.Dialect { database.dialect }
    package var gauges: [String: Double] { database.gauges }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await database.read(body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await database.write { [counter] transaction in
            let engine = FaultyEngine(transaction.engine, counter)
            let result = try body(Transaction(engine: engine, now: transaction.now))
            if let failure = engine.failure { throw failure }
            return result
        }
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await database.migrate(body)
    }

    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        database.subscribe(handler)
    }

    package func scrub() async throws(Problem) { try await database.scrub() }
    package func close() async { await database.close() }
}

/// Runs `verb` on `database` with its first statement failing, then its second, and so on, until it runs untouched; `check` comes after
/// each of these runs and looks whether the books balance.
/// - Returns: how many statements failed in turn.
@discardableResult
package func withEachStatementFailing(
    on database: any Database, _ verb: (any Database) async throws -> Void, check: (any Database) async throws -> Void
) async throws -> Int {
    for number in 1...1_000 {
        let faulty = FaultyDatabase(database, failingAt: number)
        do {
            try await verb(faulty)
        } catch  where faulty.statementCount >= number {
            // As intended. Without the fault an error would be the verb's own, and leaves the loop.
        }
        try await check(database)
        if faulty.statementCount < number { return number - 1 }
    }
    throw EndlessVerb()
}

/// The verb kept running more statements than any verb of ours does.
package struct EndlessVerb: Error {}

private final class StatementCounter: Sendable {
    private let number: Int?
    private let counted = Atomic(0)

    init(failingAt number: Int?) { self.number = number }

    var count: Int { counted.load(ordering: .relaxed) }

    /// - Throws: when the statement that is about to run is the one to fail.
    func next() throws {
        if counted.add(1, ordering: .relaxed).newValue == number {
            throw StorageError(.other, code: "fault", message: "statement \(count) was made to fail by a test")
        }
    }
}

private final class FaultyEngine: TransactionEngine {
    private let engine: any TransactionEngine
    private let counter: StatementCounter
    private(set) var failure: StorageError?

    init(_ engine: any TransactionEngine, _ counter: StatementCounter) {
        self.engine = engine
        self.counter = counter
    }

    var dialect: SQL.Dialect { engine.dialect }
    var effects: CommitEffects {
        get { engine.effects }
        set { engine.effects = newValue }
    }

    func run(_ text: String, _ values: [SQL.Value]) throws -> (rows: [Row], changes: Int) {
        if let failure { throw failure }
        do {
            try counter.next()
            return try engine.run(text, values)
        } catch let error as StorageError {
            failure = error
            throw error
        }
    }
}
