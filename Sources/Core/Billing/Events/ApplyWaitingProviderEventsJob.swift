import Modules

/// Applies the events of the provider that no attempt has been made for. One job is for all of them, so that a webhook
/// writes no job of its own.
///
/// The transaction that stores an event enqueues this job, unless one is unfinished; the transaction that ends it
/// enqueues another one where events have come. The first waits for the lock on the job's row that the second holds, or
/// the other way round, so that no event is left without a job.
struct ApplyWaitingProviderEventsJob: Job {
    static let name = "billing.apply-waiting-provider-events"
    static let lane = JobLane.outbound
    static let options = JobOptions(uniqueKey: name)
    /// The longest wait after an attempt that failed, as without the database: all events wait meanwhile.
    static let waitMax = Duration.seconds(30)

    /// Finds events without a job, which should not exist.
    static let schedule = Schedule(id: name, .every(.minutes(10))) { _, queue, transaction in
        guard try transaction.hasWaitingProviderEvents() else { return }
        try queue.enqueue(Self(), options, in: transaction)
    }

    static func worker(_ events: ProviderEventService) -> Worker {
        Worker(
            Self.self,
            perform: { _, context in
                do { return try await events.applyWaiting(context) } catch let stop as JobCancelled {
                    throw stop
                } catch {
                    throw JobFailure.retry(within: waitMax, reason: "\(error)")
                }
            },
            abandoned: { _, _, transaction in try events.abandonWaiting(in: transaction) }
        )
    }
}
