package import Base
import Synchronization

/// A database that records the outcome of its last write, for readiness.
package final class MonitoredDatabase: Database {
    /// How long a failed write counts where none follows it. A node that gets no requests because of it is then tried
    /// again.
    package static let failureLifetime: Duration = .seconds(30)

    private let base: any Database
    private let now: @Sendable () -> Instant
    private let failure = Mutex<(problem: Problem, time: Instant)?>(nil)

    package init(_ base: any Database, now: @escaping @Sendable () -> Instant) {
        self.base = base
        self.now = now
    }

    /// What the last write failed with: a full disk, a lost connection, a file that cannot be written. Nil where it
    /// succeeded, and for failures that concern one transaction alone.
    package var writeFailure: Problem? {
        failure.withLock { failure in
            guard let failure, now() < failure.time + Self.failureLifetime else { return nil }
            return failure.problem
        }
    }

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
        do throws(Problem) {
            let result = try await base.write(body)
            failure.withLock { $0 = nil }
            return result
        } catch {
            if (error.cause as? StorageError)?.kind.concernsDatabase == true {
                failure.withLock { $0 = (error, now()) }
            }
            throw error
        }
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

extension StorageError.Kind {
    /// Whether other transactions fail for the same reason.
    fileprivate var concernsDatabase: Bool {
        switch self {
        case .duplicate, .reference, .check, .serialization, .cancelled, .overloaded: false
        default: true
        }
    }
}
