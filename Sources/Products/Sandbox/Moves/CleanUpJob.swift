import Identity
import Modules

/// Removes from AWS what a session has made, when it has ended.
struct CleanUpJob: Job {
    static let name = "sandbox.clean-up"
    static let lane = JobLane.outbound

    let session: ID<SandboxSession>
    let organisation: ID<Organisation>

    static func options(_ session: SandboxSession) -> JobOptions {
        JobOptions(
            uniqueKey: session.id.text, organisation: session.organisation.text,
            maximumAttempts: CleanUpService.attemptsMax)
    }

    static func worker(_ cleanUps: CleanUpService) -> Worker {
        Worker(
            CleanUpJob.self, perform: { job, context in try await cleanUps.perform(job, context) },
            abandoned: { job, abandonment, transaction in
                try cleanUps.abandon(job, abandonment, in: transaction)
            })
    }
}
