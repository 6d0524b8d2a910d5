package import Base
package import Storage
import Synchronization

/// Counts the transactions that have ended.
package final class CountingDatabase: DatabaseWrapper {
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
    package let base: any Database

    package init(_ base: any Database, _ counter: Counter = Counter()) {
        self.base = base
        self.counter = counter
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        defer { counter.countRead() }
        return try await base.read(body)
    }

    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        defer { counter.countRead() }
        return try await base.read(within: limit, body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        defer { counter.countWrite() }
        return try await base.write(body)
    }
}
