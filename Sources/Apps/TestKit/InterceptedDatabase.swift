package import Base
package import Storage

/// A database whose transactions a test can refuse before they begin, or continue before they commit.
package final class InterceptedDatabase: DatabaseWrapper {
    package let base: any Database
    private let beforeTransactions: @Sendable () throws(Problem) -> Void
    private let beforeCommits: @Sendable (Transaction) throws -> Void

    /// - Parameters:
    ///   - beforeTransactions: runs before each read, write and migration; its error is that of the transaction.
    ///   - beforeCommits: runs at the end of each write, in its transaction; an error rolls the write back.
    package init(
        _ base: any Database,
        beforeTransactions: @escaping @Sendable () throws(Problem) -> Void = {},
        beforeCommits: @escaping @Sendable (Transaction) throws -> Void = { _ in }
    ) {
        self.base = base
        self.beforeTransactions = beforeTransactions
        self.beforeCommits = beforeCommits
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try beforeTransactions()
        return try await base.read(body)
    }

    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try beforeTransactions()
        return try await base.read(within: limit, body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try beforeTransactions()
        return try await base.write { [beforeCommits] transaction in
            let result = try body(transaction)
            try beforeCommits(transaction)
            return result
        }
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try beforeTransactions()
        return try await base.migrate(body)
    }
}
