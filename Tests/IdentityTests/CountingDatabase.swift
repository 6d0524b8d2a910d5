import Base
import Storage
import Synchronization

/// A database that counts its transactions.
final class CountingDatabase: Database {
    final class Counter: Sendable {
        private let transactions = Atomic(0)
        var total: Int { transactions.load(ordering: .relaxed) }
        fileprivate func count() { transactions.add(1, ordering: .relaxed) }
    }

    private let base: any Database
    private let counter: Counter

    init(_ base: any Database, _ counter: Counter) {
        self.base = base
        self.counter = counter
    }

    var dialect: SQL.Dialect { base.dialect }
    var gauges: [String: Double] { base.gauges }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        counter.count()
        return try await base.read(body)
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        counter.count()
        return try await base.write(body)
    }

    @discardableResult
    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await base.migrate(body)
    }

    func close() async { await base.close() }
}
