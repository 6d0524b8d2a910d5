import Modules
import Synchronization
import TestKit

/// A database whose writes fail at one statement while a test says so.
final class SwitchedDatabase: DatabaseWrapper {
    let base: any Database
    private let faulty = Mutex<FaultyDatabase?>(nil)

    init(_ base: any Database) { self.base = base }

    /// From now on the statement of this number fails, counted from 1.
    func fail(at number: Int) { faulty.withLock { $0 = FaultyDatabase(base, failingAt: number) } }

    /// Ends the failures.
    /// - Returns: the number of statements that were tried.
    func end() -> Int {
        faulty.withLock { faulty in
            defer { faulty = nil }
            return faulty?.statementCount ?? 0
        }
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        guard let faulty = faulty.withLock({ $0 }) else { return try await base.write(body) }
        return try await faulty.write(body)
    }
}
