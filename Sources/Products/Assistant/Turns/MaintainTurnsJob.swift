import Modules

/// Ends turns whose process was killed, and deletes old ones.
struct MaintainTurnsJob: Job {
    static let name = "assistant.maintain"

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(MaintainTurnsJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ turns: TurnService) -> Worker {
        Worker(MaintainTurnsJob.self) { _, context in
            try await turns.maintain(context)
            return .done
        }
    }
}
