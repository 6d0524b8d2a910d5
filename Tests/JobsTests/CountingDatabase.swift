import Base
import Storage
import Synchronization

/// Counts the transactions that have ended.
final class CountingDatabase: Database {
    private let base: any Database
    private let readCount = Atomic(0)
    private let writeCount = Atomic(0)

    init(_ base: any Database) { self.base = base }

    var reads: Int { readCount.load(ordering: .acquiring) }
    var writes: Int { writeCount.load(ordering: .acquiring) }

    var dialect: SQL.Dialect { base.dialect }
    var gauges: [String: Double] { base.gauges }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        defer { readCount.add(1, ordering: .acquiringAndReleasing) }
        return try await base.read(body)
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        defer { writeCount.add(1, ordering: .acquiringAndReleasing) }
        return try await base.write(body)
    }

    @discardableResult
    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await base.migrate(body)
    }

    func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        base.subscribe(handler)
    }

    func close() async { await base.close() }
}
