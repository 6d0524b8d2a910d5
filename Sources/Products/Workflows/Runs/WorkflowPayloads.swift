import GoalGraphs
import Identity
import Modules
import Realtime

/// A workflow, without its steps.
struct WorkflowView: Payload {
    let workflowId: ID<Workflow>
    let intent: String
    let status: Workflow.State
    /// Why it is paused.
    let pauseReason: Workflow.Pause?
    let priority: WorkflowPriority
    let planner: PlannerKind?
    let createdAt: Instant
    let startedAt: Instant?
    let completedAt: Instant?
    /// In US dollars.
    let cost: DecimalNumber
    /// In millionths of a US dollar.
    let costMicros: Int64
    let currency: String
    let estimatedCost: DecimalNumber
    /// In seconds.
    let estimatedTime: DecimalNumber
    /// From the plan to the end, in seconds, with pauses; null before.
    let actualTime: DecimalNumber?
    let budget: DecimalNumber
    /// Of the steps that have succeeded, 0 to 1; 0 before the first.
    let confidence: DecimalNumber
    let stepsTotal: Int64
    let stepsCompleted: Int64
    let stepsFailed: Int64
    let errorCode: WorkflowError.Code?
    let error: String?
    let userId: ID<Person>
    let topic: String

    init(_ workflow: Workflow) {
        workflowId = workflow.id
        intent = workflow.intent
        status = workflow.state
        pauseReason = workflow.pause
        priority = workflow.priority
        planner = workflow.planner
        createdAt = workflow.createdAt
        startedAt = workflow.startedAt
        completedAt = workflow.finishedAt
        cost = workflow.cost.dollars
        costMicros = workflow.cost.micros
        currency = "usd"
        estimatedCost = workflow.estimatedCost.dollars
        estimatedTime = WorkflowNumbers.seconds(workflow.estimatedSeconds)
        actualTime = workflow.actualSeconds.map(WorkflowNumbers.seconds)
        budget = workflow.budget.dollars
        confidence = WorkflowNumbers.confidence(workflow.confidence ?? 0)
        stepsTotal = workflow.stepsTotal
        stepsCompleted = workflow.stepsCompleted
        stepsFailed = workflow.stepsFailed
        errorCode = workflow.error?.code
        error = workflow.error?.text
        userId = workflow.person
        topic = WorkflowTrail.topic(of: workflow.id, in: workflow.organisation).name.text
    }
}

struct WorkflowList: Payload {
    let workflows: [WorkflowView]
    let total: Int64

    var listTotal: Int64? { total }
}

/// A step of a workflow, without its output.
struct WorkflowStepView: Payload {
    let stepId: String
    let description: String
    let tool: String
    let capabilities: [Capability]
    let dependencies: [String]
    let status: WorkflowStep.State
    let attempts: Int64
    let confidence: DecimalNumber?
    /// In US dollars.
    let cost: DecimalNumber
    let estimatedCost: DecimalNumber
    /// In seconds.
    let estimatedTime: DecimalNumber
    let milliseconds: Int64
    let failure: StepFailure.Kind?
    let error: String?
    let agentId: ID<WorkflowAgent>?
    /// The workflow within the step, the newest where it was tried again: it is read, paused and resumed like any other.
    let subWorkflowId: ID<Workflow>?
    /// The language model that has answered, or that a recovery has chosen for the next try.
    let model: String?
    let startedAt: Instant?
    let completedAt: Instant?

    /// - Parameter child: the newest workflow within the step.
    init(_ step: WorkflowStep, child: ID<Workflow>?) {
        stepId = step.node.id
        description = step.node.description
        tool = step.node.tool
        capabilities = step.node.capabilities
        dependencies = step.node.dependencies
        status = step.state
        attempts = step.attempt
        confidence = step.confidence.map(WorkflowNumbers.confidence)
        cost = step.cost.dollars
        estimatedCost = step.node.estimatedCost.dollars
        estimatedTime = WorkflowNumbers.seconds(step.node.estimatedSeconds)
        milliseconds = step.milliseconds
        failure = step.failure
        error = step.error
        agentId = step.agent
        subWorkflowId = child
        model = step.model
        startedAt = step.startedAt
        completedAt = step.finishedAt
    }
}

struct WorkflowStepList: Payload {
    let workflowId: ID<Workflow>
    /// In the order of the plan.
    let steps: [WorkflowStepView]
}

/// What a step has produced.
struct WorkflowStepOutput: Payload {
    let workflowId: ID<Workflow>
    let stepId: String
    let output: String
    /// The HTTP status of a response, or the exit status of a command.
    let outputStatus: Int?
    /// The rows of a table or of a list.
    let rows: Int?
}

struct WorkflowAgentView: Payload {
    let agentId: ID<WorkflowAgent>
    let workflowId: ID<Workflow>
    let stepId: String
    let capabilities: [String]
    let state: WorkflowAgent.State
    let spawnedAt: Instant
    let endedAt: Instant?

    init(_ agent: WorkflowAgent) {
        agentId = agent.id
        workflowId = agent.workflow
        stepId = agent.node
        capabilities = agent.capabilities
        state = agent.state
        spawnedAt = agent.spawnedAt
        endedAt = agent.endedAt
    }
}

/// The newest agents of a workflow.
struct WorkflowAgentList: Payload {
    let workflowId: ID<Workflow>
    let agents: [WorkflowAgentView]
}

/// The newest agents of all workflows that the caller may see.
struct AgentList: Payload {
    let agents: [WorkflowAgentView]
}

/// Counts and sums over the submitted workflows that the caller may see, up to 90 days after their end.
struct WorkflowMetrics: Payload {
    let total: Int64
    let pending: Int64
    let running: Int64
    let paused: Int64
    let completed: Int64
    let failed: Int64
    let cancelled: Int64
    /// The share of completed workflows among those that have completed or failed, 0 to 1; null without any.
    let successRate: DecimalNumber?
    /// Of the organisation.
    let agentsWorking: Int64
    /// In US dollars.
    let cost: DecimalNumber
    /// In millionths of a US dollar.
    let costMicros: Int64
    let estimatedCost: DecimalNumber

    init(_ sums: [Workflow.State: WorkflowSum], agentsWorking: Int64) {
        func count(_ state: Workflow.State) -> Int64 { sums[state]?.count ?? 0 }
        total = sums.values.reduce(0) { $0 + $1.count }
        pending = count(.pending)
        running = count(.running)
        paused = count(.paused)
        completed = count(.completed)
        failed = count(.failed)
        cancelled = count(.cancelled)
        let decided = completed + failed
        successRate = decided == 0 ? nil : WorkflowNumbers.confidence(Double(completed) / Double(decided))
        self.agentsWorking = agentsWorking
        let spent = sums.values.reduce(MicroDollars.zero) { $0 + $1.cost }
        cost = spent.dollars
        costMicros = spent.micros
        estimatedCost = sums.values.reduce(MicroDollars.zero) { $0 + $1.estimated }.dollars
    }
}

/// Of workflows in one state.
struct WorkflowSum: Sendable {
    var count: Int64
    var cost: MicroDollars
    var estimated: MicroDollars
}

/// The response to a request that changes the state of a workflow.
struct WorkflowChanged: Payload {
    let message: String
    let workflowId: ID<Workflow>
    let status: Workflow.State
}
