package import Base

/// A database that calls a closure after every write through it and before the write returns: for invalidating caches
/// of what was read.
package struct ObservedDatabase: Database {
    private let base: any Database
    private let onWrite: @Sendable () -> Void

    /// - Parameter onWrite: also called after failed writes, because the outcome of some of them is unknown.
    package init(_ base: any Database, onWrite: @escaping @Sendable () -> Void) {
        self.base = base
        self.onWrite = onWrite
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
        defer { onWrite() }
        return try await base.write(body)
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        defer { onWrite() }
        return try await base.migrate(body)
    }

    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        base.subscribe(handler)
    }

    package func scrub() async throws(Problem) { try await base.scrub() }
    package func close() async { await base.close() }
}
