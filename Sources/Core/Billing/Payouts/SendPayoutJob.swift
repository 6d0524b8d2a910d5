import Modules

/// Sends a payout that no request has sent. Its outcome is the provider call's.
struct SendPayoutJob: Job {
    static let name = "billing.send-payout"
    static let lane = JobLane.outbound

    let payout: ID<Payout>

    /// A request sends its payout at once, so that the job finds nothing left to do.
    static let delay = Duration.seconds(2)

    static func worker(_ payouts: PayoutService) -> Worker {
        Worker(Self.self) { job, _ in
            _ = try await payouts.send(job.payout)
            return .done
        }
    }

    static func options(_ payout: Payout, at now: Instant) -> JobOptions {
        // One for each time that it becomes reserved: an earlier job may be running that has found it held or refused.
        JobOptions(
            runAt: now + delay, uniqueKey: "\(payout.id):\(payout.version)",
            organisation: payout.payee.organisation?.text)
    }
}
