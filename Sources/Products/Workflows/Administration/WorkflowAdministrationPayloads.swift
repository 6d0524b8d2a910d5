import Entitlements
import GoalGraphs
import Identity
import Modules

/// A workflow as administrators see it: without the words of its person.
struct AdministeredWorkflow: Payload {
    let workflowId: ID<Workflow>
    let organisationId: ID<Organisation>
    /// Of an account that was erased, its pseudonym.
    let userId: String
    /// Under which it was submitted.
    let plan: String
    let status: Workflow.State
    /// Why it is paused.
    let pauseReason: Workflow.Pause?
    let planner: PlannerKind?
    let createdAt: Instant
    let startedAt: Instant?
    let completedAt: Instant?
    /// In US dollars.
    let cost: DecimalNumber
    /// In millionths of a US dollar.
    let costMicros: Int64
    let estimatedCost: DecimalNumber
    /// In seconds.
    let estimatedTime: DecimalNumber
    /// From the plan to the end, in seconds, with pauses; null before.
    let actualTime: DecimalNumber?
    let stepsTotal: Int64
    let stepsCompleted: Int64
    let stepsFailed: Int64
    let errorCode: WorkflowError.Code?

    init(_ workflow: Workflow) {
        workflowId = workflow.id
        organisationId = workflow.organisation
        userId = workflow.person.text
        plan = workflow.plan.text
        status = workflow.state
        pauseReason = workflow.pause
        planner = workflow.planner
        createdAt = workflow.createdAt
        startedAt = workflow.startedAt
        completedAt = workflow.finishedAt
        cost = workflow.cost.dollars
        costMicros = workflow.cost.micros
        estimatedCost = workflow.estimatedCost.dollars
        estimatedTime = WorkflowNumbers.seconds(workflow.estimatedSeconds)
        actualTime = workflow.actualSeconds.map(WorkflowNumbers.seconds)
        stepsTotal = workflow.stepsTotal
        stepsCompleted = workflow.stepsCompleted
        stepsFailed = workflow.stepsFailed
        errorCode = workflow.error?.code
    }
}

/// Submitted workflows of all organisations.
struct AdministeredWorkflowList: Payload {
    let workflows: [AdministeredWorkflow]
    /// The value of `before` for the next page; null on the last one.
    let nextBefore: ID<Workflow>?
}
