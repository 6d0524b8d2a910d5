package import Base

/// A database that passes on to another one what it does not implement itself.
package protocol DatabaseWrapper: Database {
    var base: any Database { get }
}

extension DatabaseWrapper {
    package var dialect: SQL.Dialect { base.dialect }
    package var gauges: [String: Double] { base.gauges }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await base.read(body)
    }

    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await base.read(within: limit, body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await base.write(body)
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

    package func otherProcesses() async throws(Problem) -> Int { try await base.otherProcesses() }
    package func checkFile() throws(Problem) { try base.checkFile() }
    package func scrub() async throws(Problem) { try await base.scrub() }
    package func close() async { await base.close() }
}
