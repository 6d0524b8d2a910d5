import Base
import Synchronization

/// The jobs that one runner has in its hands.
final class RunningJobs: Sendable {
    private struct State {
        var holds: [LeaseToken: RunningJob] = [:]
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.holds.count } }
    var all: [RunningJob] { state.withLock { Array($0.holds.values) } }

    func add(_ hold: RunningJob) { state.withLock { $0.holds[hold.job.leaseToken] = hold } }

    func remove(_ hold: RunningJob) {
        let waiting = state.withLock { state in
            state.holds[hold.job.leaseToken] = nil
            guard state.holds.isEmpty else { return [AsyncStream<Never>.Continuation]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        waiting.forEach { $0.finish() }
    }

    /// Returns when none is left, or after `limit`.
    func waitUntilEmpty(atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let (ends, continuation) = AsyncStream<Never>.makeStream()
                let isEmpty = self.state.withLock { state in
                    if !state.holds.isEmpty { state.waiting.append(continuation) }
                    return state.holds.isEmpty
                }
                if isEmpty { continuation.finish() }
                for await _ in ends {}
            }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }
}
