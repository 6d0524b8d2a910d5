package import Base
import Synchronization

/// A database that records the outcome of its last write, for readiness.
package final class MonitoredDatabase: DatabaseWrapper {
    /// How long a failed write counts where none follows it. A node that gets no requests because of it is then tried
    /// again.
    package static let failureLifetime: Duration = .seconds(30)

    package let base: any Database
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
