import Identity
import Modules

/// Runs one attempt at a step.
struct StepJob: Job {
    static let name = "workflows.step"
    /// Behind maintenance: many steps may wait.
    static let priority = 200
    /// Attempts at the job, where the server and not the tool has failed.
    static let attemptsMax = 10

    let step: ID<WorkflowStep>
    let organisation: ID<Organisation>
    let attempt: Int64

    init(_ step: WorkflowStep) {
        self.step = step.id
        organisation = step.organisation
        attempt = step.attempt + 1
    }

    /// - Parameter lane: of its tool.
    static func options(_ step: WorkflowStep, lane: JobLane) -> JobOptions {
        JobOptions(
            priority: priority, organisation: step.organisation.text, lane: lane, maximumAttempts: attemptsMax)
    }

    static func worker(_ steps: StepService) -> Worker {
        Worker(
            StepJob.self, perform: { job, context in try await steps.run(job, context) },
            abandoned: { job, abandonment, transaction in try steps.abandon(job, abandonment, in: transaction) })
    }
}
