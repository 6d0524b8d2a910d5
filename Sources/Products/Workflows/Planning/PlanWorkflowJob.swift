import Identity
import Modules

/// Plans a workflow that was submitted.
struct PlanWorkflowJob: Job {
    static let name = "workflows.plan"

    let workflow: ID<Workflow>
    let organisation: ID<Organisation>

    /// - Parameter isRemote: whether a planner may wait for the service of a language model.
    static func options(_ workflow: Workflow, isRemote: Bool) -> JobOptions {
        JobOptions(
            priority: StepJob.priority, organisation: workflow.organisation.text, lane: isRemote ? .outbound : .system,
            maximumAttempts: StepJob.attemptsMax)
    }

    static func worker(_ planning: PlanningService) -> Worker {
        Worker(
            PlanWorkflowJob.self, perform: { job, context in try await planning.plan(job, context) },
            abandoned: { job, _, transaction in try planning.abandon(job, in: transaction) })
    }
}
