import Modules

/// Counts the active sessions of each person, and sends the state of each session to the readers of its log.
struct CountSessionsJob: Job {
    static let name = "sandbox.count-sessions"

    static func worker(_ sessions: SandboxSessionService) -> Worker {
        Worker(CountSessionsJob.self) { _, context in
            try await sessions.count(context)
            return .done
        }
    }

    static func schedule(every interval: Duration) -> Schedule {
        Schedule(id: name, .every(interval)) { _, queue, transaction in
            try queue.enqueue(CountSessionsJob(), JobOptions(uniqueKey: name), in: transaction)
        }
    }
}
