import Identity
import Modules

/// Plans a workflow that was submitted.
struct PlanWorkflowJob: Job {
    static let name = "workflows.plan"

    let workflow: ID<Workflow>
    let organisation: ID<Organisation>

    static func options(_ workflow: Workflow) -> JobOptions {
        JobOptions(
            priority: StepJob.priority, organisation: workflow.organisation.text, maximumAttempts: StepJob.attemptsMax)
    }

    static func worker(_ planning: PlanningService) -> Worker {
        Worker(
            PlanWorkflowJob.self, perform: { job, _ in try await planning.plan(job) },
            abandoned: { job, _, transaction in try planning.abandon(job, in: transaction) })
    }
}
