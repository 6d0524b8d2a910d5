package import Base
package import Storage
import Synchronization

/// Counts the transactions that have ended.
package final class CountingDatabase: Database {
    package final class Counter: Sendable {
        private let readCount = Atomic(0)
        private let writeCount = Atomic(0)

        package init() {}

        package var reads: Int { readCount.load(ordering: .acquiring) }
        package var writes: Int { writeCount.load(ordering: .acquiring) }
        package var total: Int { reads + writes }

        fileprivate func countRead() { readCount.add(1, ordering: .acquiringAndReleasing) }
        fileprivate func countWrite() { writeCount.add(1, ordering: .acquiringAndReleasing) }
    }

    package let counter: Counter
    private let base: any Database

    package init(_ base: any Database, _ counter: Counter = Counter()) {
        self.base = base
        self.counter = counter
    }

    package var dialect: SQL.Dialect { base.dialect }
    package var gauges: [String: Double] { base.gauges }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem)
        -> Result
    {
        defer { counter.countRead() }
        return try await base.read(body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem)
        -> Result
    {
        defer { counter.countWrite() }
        return try await base.write(body)
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem)
        -> Result
    {
        try await base.migrate(body)
    }

    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        base.subscribe(handler)
    }

    package func close() async { await base.close() }
}
