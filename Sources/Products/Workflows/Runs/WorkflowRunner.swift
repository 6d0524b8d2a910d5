import Entitlements
import GoalGraphs
import Identity
import Modules

/// Makes every transition of workflows and their steps, in transactions of its callers.
///
/// Each method locks the organisation's agents first, starts the steps that can run then, and writes the trail last.
final class WorkflowRunner: Sendable {
    let concurrency: ConcurrencyService
    let settlement: WorkflowSettlement
    let trail: WorkflowTrail
    let notices: WorkflowNotices
    let queue: JobQueue
    let tools: ToolBox
    /// Nil where the installation has none.
    let models: ModelService?
    let runtime: Runtime

    /// Steps that are read at once.
    private static let batch: Int64 = 32

    init(
        concurrency: ConcurrencyService, settlement: WorkflowSettlement, trail: WorkflowTrail,
        notices: WorkflowNotices, queue: JobQueue, tools: ToolBox, models: ModelService?, runtime: Runtime
    ) {
        self.concurrency = concurrency
        self.settlement = settlement
        self.trail = trail
        self.notices = notices
        self.queue = queue
        self.tools = tools
        self.models = models
        self.runtime = runtime
    }

    /// Runs `body`, which makes transitions and adds their entries, then starts steps and writes the entries.
    func change<Result>(
        _ organisation: ID<Organisation>, in transaction: Transaction,
        _ body: (inout [TrailEntry]) throws -> Result
    ) throws -> Result {
        try lock(organisation, in: transaction)
        var entries: [TrailEntry] = []
        let result = try body(&entries)
        try startSteps(of: organisation, &entries, in: transaction)
        try trail.write(entries, in: transaction)
        return result
    }

    /// Makes the transactions that change workflows of an organisation follow each other.
    func lock(_ organisation: ID<Organisation>, in transaction: Transaction) throws {
        try concurrency.lock(.agents, of: organisation, in: transaction)
    }

    /// Starts the steps that can run, for which the plan has agents.
    func startSteps(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try change(organisation, in: transaction) { _ in }
    }

    // MARK: Plans

    /// Inserts a workflow with the job that plans it.
    func insert(_ new: NewWorkflow, context: String, by scope: Scope?, in transaction: Transaction) throws -> Workflow {
        try change(new.organisation, in: transaction) { entries in
            try insert(new, context: context, by: scope, &entries, in: transaction)
        }
    }

    func insert(
        _ new: NewWorkflow, context: String, by scope: Scope?, _ entries: inout [TrailEntry],
        in transaction: Transaction
    ) throws -> Workflow {
        let workflow = Workflow(new, at: transaction.now)
        try transaction.insert(workflow, context: context, graph: new.graph)
        try queue.enqueue(
            PlanWorkflowJob(workflow: workflow.id, organisation: workflow.organisation),
            PlanWorkflowJob.options(workflow, isRemote: models != nil), in: transaction)
        entries.append(
            TrailEntry(
                .intentSubmitted, of: workflow, by: scope, decision: "accepted",
                because: workflow.depth == 0
                    ? "The plan of the account allows the workflow." : "A step of another workflow has started it.",
                facts: ["priority": workflow.priority.rawValue]))
        return workflow
    }

    /// The plan of a workflow was made: its steps exist from now on.
    /// - Parameter models: what was asked of models for the plan.
    func start(
        _ id: ID<Workflow>, of organisation: ID<Organisation>, _ graph: GoalGraph, by planner: PlannerKind,
        models: ModelUse?, in transaction: Transaction
    ) throws {
        try change(organisation, in: transaction) { entries in
            guard var workflow = try transaction.workflow(id, of: organisation), workflow.state == .pending else {
                return
            }
            if let models { try transaction.record(models.outcomes) }
            if let models { try spend(models.cost, onPlanOf: &workflow, in: transaction) }
            try workflow.start(
                by: planner, steps: graph.nodes.count, estimate: PlanEstimate(of: graph), at: transaction.now)
            try transaction.update(workflow, from: .pending)
            for (position, node) in graph.nodes.enumerated() {
                try transaction.insertStep(runtime.id(), node, at: position, of: workflow)
            }
            let count = graph.nodes.count
            var facts = ["steps": "\(count)", "estimated_cost": "\(workflow.estimatedCost.dollars)"]
            if let models {
                facts["model"] = models.model
                facts["cost"] = "\(models.cost.dollars)"
            }
            entries.append(
                TrailEntry(
                    .planned, of: workflow, decision: planner.rawValue,
                    because: planner.reason,
                    confidence: Confidence.ofRules, facts: facts))
            entries.append(
                TrailEntry(
                    .started, of: workflow, decision: "run",
                    because: "The plan of \(count) \(count == 1 ? "step" : "steps") is valid and within the budget."))
        }
    }

    enum PlanReservation: Sendable {
        case reserved
        /// The budget may allow it when steps of the family have ended.
        case later
        case refused
    }

    /// Reserves what a model may cost that plans a workflow, until the plan is made or has failed.
    func reservePlan(_ cost: MicroDollars, of workflow: Workflow, in transaction: Transaction) throws
        -> PlanReservation
    {
        try lock(workflow.organisation, in: transaction)
        guard var workflow = try transaction.workflow(workflow.id, of: workflow.organisation),
            workflow.state == .pending
        else { return .reserved }
        // An earlier attempt has reserved it.
        guard workflow.reservedCost < cost else { return .reserved }
        let budget = try FamilyBudget(of: workflow, in: transaction)
        guard budget.allows(cost, besideReserved: true), workflow.reservePlan(cost) else {
            return budget.reserved > .zero && budget.allows(cost, besideReserved: false) ? .later : .refused
        }
        try transaction.update(workflow, from: .pending)
        return .reserved
    }

    /// Counts what models have cost for a plan. The caller writes the workflow.
    func spend(_ cost: MicroDollars, onPlanOf workflow: inout Workflow, in transaction: Transaction) throws {
        guard cost > .zero else { return }
        workflow.spendOnPlan(cost)
        try transaction.addCosts(WorkflowCosts(attempts: 0, cost: cost, estimated: .zero), of: workflow)
    }

    // MARK: Steps

    /// Starts steps until there are no free agents or no steps that can run.
    private func startSteps(
        of organisation: ID<Organisation>, _ entries: inout [TrailEntry], in transaction: Transaction
    )
        throws
    {
        // Their next steps wait until what other steps have reserved is spent or released.
        var waiting: [ID<Workflow>] = []
        while true {
            var room = try concurrency.room(for: .agents, of: organisation, in: transaction)
            // Work that was admitted ends, by one agent, also after the plan has.
            if room == 0, try transaction.countWorkingAgents(of: organisation) == 0 { room = 1 }
            guard room > 0 else { return }
            let steps = try transaction.readySteps(
                of: organisation, without: waiting, limit: min(room, Self.batch))
            if steps.isEmpty { return }
            for step in steps where !waiting.contains(step.workflow) {
                if try !start(step, &entries, in: transaction) { waiting.append(step.workflow) }
            }
        }
    }

    /// - Returns: false where the budget does not allow the step now, but may when other steps have ended.
    private func start(
        _ step: WorkflowStep, _ entries: inout [TrailEntry], in transaction: Transaction
    ) throws -> Bool {
        // An earlier step of this round may have ended the workflow.
        guard var workflow = try transaction.workflow(step.workflow, of: step.organisation), workflow.state == .running
        else { return true }
        guard try !ask(about: step, of: workflow, &entries, in: transaction) else { return true }
        let cost = try costMax(of: step, in: transaction)
        let budget = try FamilyBudget(of: workflow, in: transaction)
        guard budget.allows(cost, besideReserved: true), workflow.reserve(cost) else {
            if budget.reserved > .zero, budget.allows(cost, besideReserved: false) { return false }
            try fail(
                &workflow,
                WorkflowError(
                    .budgetExceeded,
                    "The budget of \(budget.limit) does not allow the next step, which may cost "
                        + "\(cost); \(budget.spent) were spent."),
                &entries, in: transaction)
            return true
        }
        try transaction.update(workflow, from: .running)
        let (job, agent): (StepJob, ID<WorkflowAgent>) = (StepJob(step), runtime.id())
        let queued = try queue.enqueue(
            job, StepJob.options(step, lane: tools[step.node.tool]?.lane ?? .system), in: transaction)
        try transaction.insertAgent(agent, for: step)
        try transaction.setRunning(step, job: queued, agent: agent, reserving: cost)
        let capabilities = step.node.capabilities.map(\.rawValue).joined(separator: ", ")
        entries.append(
            TrailEntry(
                .agentSpawned, of: workflow, node: step.node.id, agent: agent, decision: "spawn",
                because: "The step needs an agent for \(capabilities)."))
        entries.append(
            TrailEntry(
                .stepStarted, of: workflow, node: step.node.id, agent: agent, decision: step.node.tool,
                because: "Its dependencies have succeeded, and the plan of the account has a free agent.",
                facts: ["attempt": "\(job.attempt)", "estimated_cost": "\(step.node.estimatedCost.dollars)"]))
        return true
    }

    /// What an attempt at a step may cost: its estimate, which a client or a model has made, is no bound.
    private func costMax(of step: WorkflowStep, in transaction: Transaction) throws -> MicroDollars {
        guard let tool = tools[step.node.tool] else { return step.node.estimatedCost }
        let cost = try tool.costMax(of: step.node) {
            try transaction.outputs(of: step.node.references, in: step.workflow, of: step.organisation)
        }
        return max(cost, step.node.estimatedCost)
    }
}

extension PlanEstimate {
    init(of graph: GoalGraph) {
        self.init(cost: graph.estimatedCost, seconds: graph.criticalPath?.seconds ?? 0)
    }
}

extension PlannerKind {
    fileprivate var reason: String {
        switch self {
        case .rules: "The sentence has a documented form."
        case .model: "No documented form fits the sentence: the language model has planned it."
        case .client: "The client has sent the plan."
        }
    }
}
