import Base
import Synchronization

/// The jobs that one runner runs.
final class RunningJobs: Sendable {
    private struct State {
        var jobs: [LeaseToken: RunningJob] = [:]
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    func count(of lane: JobLane) -> Int {
        state.withLock { state in state.jobs.values.count { $0.job.lane == lane } }
    }
    var all: [RunningJob] { state.withLock { Array($0.jobs.values) } }

    func add(_ job: RunningJob) { state.withLock { $0.jobs[job.job.leaseToken] = job } }

    func remove(_ job: RunningJob) {
        let waiting = state.withLock { state in
            state.jobs[job.job.leaseToken] = nil
            guard state.jobs.isEmpty else { return [AsyncStream<Never>.Continuation]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        waiting.forEach { $0.finish() }
    }

    /// Returns when no job runs, or after `limit`.
    func waitUntilEmpty(atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let (ends, continuation) = AsyncStream<Never>.makeStream()
                let isEmpty = self.state.withLock { state in
                    if !state.jobs.isEmpty { state.waiting.append(continuation) }
                    return state.jobs.isEmpty
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
