import Audit
import Identity
import Modules

/// Cancels a run that was started under impersonation when that impersonation ends, however it ends.
struct ImpersonatedRunJob: Job {
    static let name = "training.end-impersonated-run"
    let run: ID<Run>
    let organisation: ID<Organisation>
    /// The session of the impersonation.
    let session: ID<Session>

    /// The interval in which the session is looked at while the run is unfinished.
    static let interval: Duration = .seconds(5)

    static func worker(_ runs: RunService) -> Worker {
        Worker(Self.self) { job, _ in
            try await runs.isEnded(withImpersonation: job) ? .done : .snooze(for: interval)
        }
    }
}

extension RunService {
    /// - Returns: whether the run has ended, also by this call.
    fileprivate func isEnded(withImpersonation job: ImpersonatedRunJob) async throws(Problem) -> Bool {
        try await database.write { [self] transaction in
            guard let run = try transaction.run(job.run, of: job.organisation), !run.state.isFinished else {
                return true
            }
            guard try !transaction.isLive(job.session) else { return false }
            let event = AuditEvent(
                "run.cancelled", organisation: job.organisation.text, subject: run.id.text,
                details: ["reason": "impersonation ended"])
            try cancel(run, as: event, in: transaction)
            return true
        }
    }
}
