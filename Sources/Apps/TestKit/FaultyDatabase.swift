package import Base
package import Storage
import Synchronization

/// A database of which one statement of a write fails. ``withEachStatementFailing(on:_:check:)`` checks with it that
/// an operation on quotas or money keeps the invariants wherever it is interrupted.
package final class FaultyDatabase: DatabaseWrapper {
    package let base: any Database
    private let counter: StatementCounter

    /// - Parameter number: of the statement that fails, counted from 1 over all writes; nil only counts.
    package init(_ database: any Database, failingAt number: Int?) {
        base = database
        counter = StatementCounter(failingAt: number)
    }

    /// The number of statements that writes have tried, the failing one included.
    package var statementCount: Int { counter.count }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await base.write { [counter] transaction in
            let engine = FaultyEngine(transaction.engine) { _ throws(StorageError) in try counter.next() }
            let result = try body(Transaction(engine: engine, now: transaction.now))
            if let failure = engine.failure { throw failure }
            return result
        }
    }
}

/// Runs `operation` on `database` with its first statement failing, then its second, and so on, until none fails, and
/// `check` after each of these runs.
/// - Returns: the number of statements that failed in turn.
/// - Throws: an error of `operation` in the run without a failing statement; an error of `check`;
///   ``TooManyStatements``.
@discardableResult
package func withEachStatementFailing(
    on database: any Database, _ operation: (any Database) async throws -> Void,
    check: (any Database) async throws -> Void
) async throws -> Int {
    try await withEachStatementFailing { number in
        let faulty = FaultyDatabase(database, failingAt: number)
        do { try await operation(faulty) } catch  where faulty.statementCount >= number {
            // The error follows from the failing statement.
        }
        try await check(database)
        return faulty.statementCount
    }
}

/// Runs `run` with 1, 2, 3 … until it tries fewer statements than that.
/// - Parameter run: makes the statement of this number fail; returns the number of statements that it tried.
/// - Returns: the number of statements that failed in turn.
/// - Throws: an error of `run`; ``TooManyStatements``.
@discardableResult
package func withEachStatementFailing(_ run: (_ number: Int) async throws -> Int) async throws -> Int {
    for number in 1...1_000 where try await run(number) < number { return number - 1 }
    throw TooManyStatements()
}

/// An operation tried more than 1,000 statements.
package struct TooManyStatements: Error {}

private final class StatementCounter: Sendable {
    private let number: Int?
    private let counted = Atomic(0)

    init(failingAt number: Int?) { self.number = number }

    var count: Int { counted.load(ordering: .relaxed) }

    /// - Throws: `StorageError` for the statement that fails.
    func next() throws(StorageError) {
        if counted.add(1, ordering: .relaxed).newValue == number {
            throw StorageError(.other, code: "fault", message: "injected failure of statement \(count)")
        }
    }
}
