package import Base
package import Storage
import Synchronization

/// A database that behaves until a test says otherwise: then a statement of its writes fails, or a write waits at the door.
///
/// ```swift
/// let trouble = TroubledDatabase.Switch()
/// try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
///     try await trouble.failEachStatement { await app.call("POST", …) } check: { … }
/// }
/// ```
package final class UnavailableDatabase: Database {
    /// What a test holds in its hand.
    package final class Switch: Sendable {
        private struct State {
            var failing: Int?
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

        /// Runs `verb` with its first statement failing, then its second, and so on until it runs untouched; `check` comes after each.
        /// - Returns: how many statements failed in turn.
        @discardableResult
        package func failEachStatement(
            _ verb: (_ number: Int) async throws -> Void, check: (_ number: Int) async throws -> Void
        ) async throws -> Int {
            for number in 1...1_000 {
                let faulty = state.withLock { state -> FaultyDatabase? in
                    state.faulty = state.base.map { FaultyDatabase($0, failingAt: number) }
                    return state.faulty
                }
                do {
                    try await verb(number)
                } catch  where (faulty?.statementCount ?? 0) >= number {
                    // As intended.
                }
                state.withLock { $0.faulty = nil }
                try await check(number)
                if (faulty?.statementCount ?? 0) < number { return number - 1 }
            }
            throw EndlessVerb()
        }

        /// Lets `body` be awaited before every write that begins from now on; nil lets them pass.
        package func beforeWrites(_ body: (@Sendable () async -> Void)?) { state.withLock { $0.pause = body } }

        fileprivate var faulty: FaultyDatabase? { state.withLock { $0.faulty } }
        fileprivate func waitAtTheDoor() async { await state.withLock { $0.pause }?() }
    }

    private let base: any Database
    private let trouble: Switch

    private init(_ base: any Database, _ trouble: Switch) {
        self.base = base
        self.trouble = trouble
    }

    package var dialect: SQL.Dialect { base.dialect }
    package var gauges: [String: Double] { base.gauges }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await base.read(body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        await trouble.waitAtTheDoor()
        return try await (trouble.faulty ?? base).write(body)
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await base.migrate(body)
    }

    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        base.subscribe(handler)
    }

    package func scrub() async throws(Problem) { try await base.scrub() }
    package func close() async { await base.close() }
}
