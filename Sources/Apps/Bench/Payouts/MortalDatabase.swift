import Foundation
import Modules
import Synchronization

/// A database whose process is killed by SIGKILL at one of its writes: before the commit, or after it and before the
/// caller continues.
final class MortalDatabase: DatabaseWrapper {
    let base: any Database
    /// Writes until the end.
    private let rest: Atomic<Int>
    private let isAfterCommit: Bool

    init(_ base: any Database, writes: Int, isAfterCommit: Bool) {
        self.base = base
        rest = Atomic(writes)
        self.isAfterCommit = isAfterCommit
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        let isLast = rest.subtract(1, ordering: .relaxed).newValue == 0
        let dies = isLast && !isAfterCommit
        let result = try await base.write { transaction in
            let result = try body(transaction)
            if dies { kill(getpid(), SIGKILL) }
            return result
        }
        if isLast { kill(getpid(), SIGKILL) }
        return result
    }
}
