import Modules

/// Marks sessions whose time is over, tells the readers of their logs, and starts their clean-up.
struct ExpireSessionsJob: Job {
    static let name = "sandbox.expire-sessions"

    static func worker(_ sessions: SandboxSessionService) -> Worker {
        Worker(ExpireSessionsJob.self) { _, context in
            try await sessions.expire(context)
            return .done
        }
    }

    static func schedule(every interval: Duration) -> Schedule {
        Schedule(id: name, .every(interval)) { _, queue, transaction in
            try queue.enqueue(ExpireSessionsJob(), JobOptions(uniqueKey: name), in: transaction)
        }
    }
}
