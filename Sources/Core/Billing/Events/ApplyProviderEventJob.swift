import Modules

/// Applies an event of the provider whose first attempt has failed, or that an administrator redrives, for at most 72
/// hours.
struct ApplyProviderEventJob: Job {
    static let name = "billing.apply-provider-event"
    static let lane = JobLane.outbound
    /// The time decides, not the number of attempts.
    static let options = JobOptions(maximumAttempts: 1_000)
    /// The longest wait between two attempts.
    static let waitMax = Duration.hours(1)

    let event: ID<ProviderEvent>

    static func worker(_ events: ProviderEventService) -> Worker {
        Worker(
            Self.self,
            perform: { job, _ in
                do { return try await events.apply(job.event) } catch let failure as JobFailure {
                    throw failure
                } catch {
                    throw retry(after: error)
                }
            },
            abandoned: { job, reason, transaction in
                try events.abandon(job.event, because: reason.reason, in: transaction)
            }
        )
    }

    /// The job is done with effects. A problem repeats it: what refuses an event now may change, such as the state of a
    /// payment whose event is late.
    static func done(_ effects: @escaping @Sendable (Transaction) throws -> Void) -> JobOutcome {
        .done { transaction in
            do { try effects(transaction) } catch let problem as Problem { throw retry(after: problem) }
        }
    }

    private static func retry(after error: any Error) -> JobFailure { .retry(within: waitMax, reason: "\(error)") }
}
