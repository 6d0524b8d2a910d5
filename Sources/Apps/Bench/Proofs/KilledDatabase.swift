import Foundation
import Modules
import Synchronization

/// A database whose process is killed by SIGKILL at one of its writes: before the commit, or after it and before the
/// caller continues.
final class KilledDatabase: DatabaseWrapper {
    /// Counts down the writes until the end of the process.
    final class Countdown: Sendable {
        private let rest = Atomic(0)
        fileprivate let isAfterCommit: Bool

        init(isAfterCommit: Bool) { self.isAfterCommit = isAfterCommit }

        /// Begins to count: the start of the system has writes of its own.
        /// - Parameter writes: until the end; 0 for no end.
        func begin(_ writes: Int) { rest.store(writes, ordering: .relaxed) }

        fileprivate func isLast() -> Bool {
            rest.load(ordering: .relaxed) > 0 && rest.subtract(1, ordering: .relaxed).newValue == 0
        }
    }

    let base: any Database
    private let countdown: Countdown

    init(_ base: any Database, _ countdown: Countdown) { (self.base, self.countdown) = (base, countdown) }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        let isLast = countdown.isLast()
        let diesBefore = isLast && !countdown.isAfterCommit
        let result = try await base.write { transaction in
            let result = try body(transaction)
            if diesBefore { kill(getpid(), SIGKILL) }
            return result
        }
        if isLast { kill(getpid(), SIGKILL) }
        return result
    }
}
