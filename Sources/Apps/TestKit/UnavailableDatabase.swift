package import Base
package import Storage
import Synchronization

/// A database of which a test can make statements of writes fail, or make writes wait.
///
/// ```swift
/// let faults = UnavailableDatabase.Switch()
/// try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
///     try await faults.failEachStatement { _ in await app.call("POST", …) } check: { _ in … }
/// }
/// ```
package final class UnavailableDatabase: DatabaseWrapper {
    /// Controls the database that `wrap` returned last.
    package final class Switch: Sendable {
        private struct State {
            var faulty: FaultyDatabase?
            var base: (any Database)?
            var pause: (@Sendable () async -> Void)?
        }

        private let state = Mutex(State())

        package init() {}

        /// For `withTestApp(databaseWrapper:)`.
        package var wrap: @Sendable (any Database) -> any Database {
            { base in
                self.state.withLock { $0.base = base }
                return UnavailableDatabase(base, self)
            }
        }

        /// Runs `operation` with its first statement failing, then its second, and so on, until none fails, and
        /// `check` after each of these runs.
        /// - Returns: the number of statements that failed in turn.
        /// - Throws: as ``withEachStatementFailing(on:_:check:)``.
        @discardableResult
        package func failEachStatement(
            _ operation: (_ number: Int) async throws -> Void, check: (_ number: Int) async throws -> Void
        ) async throws -> Int {
            try await withEachStatementFailing { number in
                let faulty = state.withLock { state -> FaultyDatabase? in
                    state.faulty = state.base.map { FaultyDatabase($0, failingAt: number) }
                    return state.faulty
                }
                do { try await operation(number) } catch  where (faulty?.statementCount ?? 0) >= number {
                    // The error follows from the failing statement.
                }
                state.withLock { $0.faulty = nil }
                try await check(number)
                return faulty?.statementCount ?? 0
            }
        }

        /// Awaits `body` before every write that begins afterwards; nil for no wait.
        package func beforeWrites(_ body: (@Sendable () async -> Void)?) { state.withLock { $0.pause = body } }

        fileprivate var faulty: FaultyDatabase? { state.withLock { $0.faulty } }
        fileprivate func waitBeforeWrite() async { await state.withLock { $0.pause }?() }
    }

    package let base: any Database
    private let control: Switch

    private init(_ base: any Database, _ control: Switch) {
        self.base = base
        self.control = control
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        await control.waitBeforeWrite()
        return try await (control.faulty ?? base).write(body)
    }
}
