import Base
import Synchronization

/// Ends work that waits too long for another service. The time that the work itself takes does not count.
final class IdleTimer: Sendable {
    private let deadline: ContinuousClock.Instant
    private let due: Mutex<ContinuousClock.Instant?>

    /// - Parameters:
    ///   - first: the longest first wait.
    ///   - deadline: of everything.
    init(first: Duration, deadline: ContinuousClock.Instant) {
        self.deadline = deadline
        due = Mutex(.now + first)
    }

    /// The work waits, for at most this long.
    func wait(_ limit: Duration) { due.withLock { $0 = .now + limit } }

    /// The work does not wait.
    func pause() { due.withLock { $0 = nil } }

    /// Runs `work`.
    /// - Throws: ``Passed`` where it waits too long.
    func watch<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await work() }
            group.addTask { [self] in try await expire() }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    struct Passed: Error {}

    private func expire() async throws -> Never {
        while true {
            let now = ContinuousClock.now
            // The next wait that begins while this one sleeps is due later than the sleep ends.
            let end = min(due.withLock { $0 } ?? now + .milliseconds(50), deadline)
            guard end > now else { throw Passed() }
            try await Task.sleep(until: end, clock: .continuous)
        }
    }
}
