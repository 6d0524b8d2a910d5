package import Base
package import Storage
import Synchronization

/// A database whose writes fail at one statement while a test says so.
package final class SwitchedDatabase: DatabaseWrapper {
    package let base: any Database
    private let faulty = Mutex<FaultyDatabase?>(nil)

    package init(_ base: any Database) { self.base = base }

    /// From now on the statement of this number fails, counted from 1.
    package func fail(at number: Int) { faulty.withLock { $0 = FaultyDatabase(base, failingAt: number) } }

    /// Ends the failures.
    /// - Returns: the number of statements that were tried.
    package func end() -> Int {
        faulty.withLock { faulty in
            defer { faulty = nil }
            return faulty?.statementCount ?? 0
        }
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        guard let faulty = faulty.withLock({ $0 }) else { return try await base.write(body) }
        return try await faulty.write(body)
    }
}
