import Modules

/// Reads the events that no webhook has brought.
struct PollProviderEventsJob: Job {
    static let name = "billing.poll-provider-events"
    static let lane = JobLane.outbound

    static let schedule = Schedule(id: name, .every(.minutes(10))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name, maximumAttempts: 3), in: transaction)
    }

    static func worker(_ events: ProviderEventService) -> Worker {
        Worker(Self.self) { _, _ in try await events.poll() ? .done : .snooze(for: .zero) }
    }
}
