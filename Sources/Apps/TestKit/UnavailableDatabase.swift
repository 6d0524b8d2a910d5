package import Base
package import Storage
import Synchronization

/// A database of which a test can make statements of writes fail, or make writes wait, or whose process it kills.
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
            var base: (any Database)?
            /// In place of the base.
            var replacement: (any Database)?
            var pause: (@Sendable () async -> Void)?
        }

        private let state = Mutex(State())
        private let steps = TransactionSteps()

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
                let count = try await failStatement(number) { try await operation(number) }
                try await check(number)
                return count
            }
        }

        /// Runs `operation` with one statement of its writes failing.
        /// - Parameter number: of the statement, counted from 1; none fails where there are fewer.
        /// - Returns: the number of statements that were tried.
        /// - Throws: an error of `operation` where no statement has failed.
        @discardableResult
        package func failStatement(_ number: Int, of operation: () async throws -> Void) async throws -> Int {
            let faulty = FaultyDatabase(try base, failingAt: number)
            replace(by: faulty)
            defer { replace(by: nil) }
            do { try await operation() } catch  where faulty.statementCount >= number {
                // The error follows from the failing statement.
            }
            return faulty.statementCount
        }

        /// Runs `operation` again and again, each time with one step of its transactions failing that has not failed
        /// before, until there is none, and `check` after each of these runs. A step is a statement after those that
        /// its transaction has run before it, or the response to a commit, which is lost: that transaction stays.
        ///
        /// In contrast to ``failEachStatement(_:check:)`` it reaches every statement of an operation of several
        /// transactions that continues where the run before has stopped. Steps that have failed in an earlier loop of
        /// this switch do not fail again.
        /// - Returns: the number of steps that failed in turn.
        /// - Throws: an error of `operation` in a run without a failing step; an error of `check`; ``TooManySteps``.
        @discardableResult
        package func failEachStep(
            _ operation: () async throws -> Void, check: () async throws -> Void
        ) async throws -> Int {
            let faulty = StepFaultDatabase(try base, steps)
            for count in 0..<1_000 {
                steps.beginRun()
                replace(by: faulty)
                do { try await operation() } catch  where steps.hasFailed {
                    // The error follows from the failing step.
                }
                replace(by: nil)
                try await check()
                guard steps.hasFailed else { return count }
            }
            throw TooManySteps()
        }

        /// Runs `operation` in a process that is killed right after its first commit, then in one that is killed where
        /// its second transaction would begin, then right after its second commit, and so on, until it ends before,
        /// and `recover` after each of these runs.
        /// - Returns: how often it was killed.
        /// - Throws: an error of `operation` in the run that is not killed; an error of `recover`; ``TooManySteps``.
        @discardableResult
        package func killAtEachCommit(
            _ operation: (_ number: Int) async throws -> Void, recover: (_ number: Int) async throws -> Void
        ) async throws -> Int {
            for number in 1...1_000 {
                let isKilled = try await kill(after: (number + 1) / 2, isAtOnce: number % 2 == 1) {
                    try await operation(number)
                }
                try await recover(number)
                guard isKilled else { return number - 1 }
            }
            throw TooManySteps()
        }

        /// Runs `operation` in a process that is killed after some commits.
        /// - Parameters:
        ///   - commits: how many are made before; with fewer nothing is killed.
        ///   - isAtOnce: whether nothing follows the last of them; else the process goes on until its next write.
        /// - Returns: whether it was killed.
        /// - Throws: an error of `operation` where it was not.
        @discardableResult
        package func kill(after commits: Int, isAtOnce: Bool, _ operation: () async throws -> Void) async throws
            -> Bool
        {
            let killed = KilledDatabase(try base, after: commits, isAtOnce: isAtOnce)
            replace(by: killed)
            defer { replace(by: nil) }
            do { try await operation() } catch  where killed.isKilled {
                // The process does not exist any more.
            }
            return killed.isKilled
        }

        /// Awaits `body` before every write that begins afterwards; nil for no wait.
        package func beforeWrites(_ body: (@Sendable () async -> Void)?) { state.withLock { $0.pause = body } }

        private var base: any Database {
            get throws {
                guard let base = state.withLock({ $0.base }) else { throw NoDatabase() }
                return base
            }
        }

        private func replace(by database: (any Database)?) { state.withLock { $0.replacement = database } }

        fileprivate var replacement: (any Database)? { state.withLock { $0.replacement } }
        fileprivate func waitBeforeWrite() async { await state.withLock { $0.pause }?() }
    }

    package let base: any Database
    private let control: Switch

    private init(_ base: any Database, _ control: Switch) {
        self.base = base
        self.control = control
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await (control.replacement ?? base).read(body)
    }

    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await (control.replacement ?? base).read(within: limit, body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        await control.waitBeforeWrite()
        return try await (control.replacement ?? base).write(body)
    }
}

/// An operation had more than 1,000 steps.
package struct TooManySteps: Error {}

/// A switch whose `wrap` has wrapped no database.
private struct NoDatabase: Error {}
