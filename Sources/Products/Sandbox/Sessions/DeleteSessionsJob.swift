import Modules

/// Deletes sessions that ended more than ``SandboxSession/retention`` ago.
struct DeleteSessionsJob: Job {
    static let name = "sandbox.delete-sessions"

    static func worker(_ sessions: SandboxSessionService) -> Worker {
        Worker(DeleteSessionsJob.self) { _, context in
            try await sessions.deleteOld(context)
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.hours(24))) { _, queue, transaction in
        try queue.enqueue(DeleteSessionsJob(), JobOptions(uniqueKey: name), in: transaction)
    }
}
