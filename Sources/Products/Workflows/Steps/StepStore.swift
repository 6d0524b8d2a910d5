import GoalGraphs
import Identity
import Modules

/// The SQL of steps and agents.
extension Transaction {
    func insertStep(_ id: ID<WorkflowStep>, _ node: GoalNode, at position: Int, of workflow: Workflow) throws {
        let state: WorkflowStep.State = node.dependencies.isEmpty ? .ready : .pending
        try execute(
            """
            INSERT INTO workflow_steps (id, organisation_id, workflow_id, node_id, position, node, state, priority_rank,
                attempt, run_at, cost, milliseconds)
            VALUES (\(id), \(workflow.organisation), \(workflow.id), \(node.id), \(position),
                \(try JSONColumn.encode(node)), \(state), \(workflow.priority.rank), 0, \(now), 0, 0)
            """
        )
    }

    func step(_ id: ID<WorkflowStep>, of organisation: ID<Organisation>) throws -> WorkflowStep? {
        try first(
            Self.selectStep + "WHERE id = \(id) AND organisation_id = \(organisation)", WorkflowStep.init)
    }

    /// In the order of the plan.
    func steps(of workflow: Workflow) throws -> [WorkflowStep] {
        try all(
            Self.selectStep + """
                WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation) ORDER BY position
                """, WorkflowStep.init)
    }

    /// The outputs of steps that have succeeded, by the ids of their nodes.
    func outputs(of nodes: [String], in workflow: ID<Workflow>, of organisation: ID<Organisation>) throws
        -> [String: NodeOutput]
    {
        guard !nodes.isEmpty else { return [:] }
        let rows = try all(
            """
            SELECT node_id, output, output_status, output_rows FROM workflow_steps
            WHERE workflow_id = \(workflow) AND organisation_id = \(organisation) AND state = 'succeeded'
                AND node_id IN \(list: nodes)
            """
        ) { (try $0["node_id"] as String, try Self.output($0)) }
        return Dictionary(rows) { $1 }
    }

    /// The output of the last step of the plan.
    func lastOutput(of workflow: Workflow) throws -> NodeOutput? {
        try first(
            """
            SELECT output, output_status, output_rows FROM workflow_steps
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND state = 'succeeded'
            ORDER BY position DESC LIMIT 1
            """,
            Self.output)
    }

    /// Steps that can run, by the priority of their workflows; of a workflow those with the fewest attempts first, so
    /// that steps that fail again and again do not keep others from their first one, and then in the order of the plan.
    /// - Parameter waiting: workflows that are left out.
    func readySteps(of organisation: ID<Organisation>, without waiting: [ID<Workflow>], limit: Int64) throws
        -> [WorkflowStep]
    {
        let others: SQL = waiting.isEmpty ? "" : "AND workflow_id NOT IN \(list: waiting)"
        return try all(
            """
            SELECT \(Self.stepColumns) FROM workflow_steps
                JOIN workflows ON workflows.id = workflow_steps.workflow_id
            WHERE workflow_steps.organisation_id = \(organisation) AND workflow_steps.state = 'ready'
                AND workflow_steps.run_at <= \(now) AND workflows.state = 'running' \(others)
            ORDER BY workflow_steps.priority_rank, workflow_id, attempt, position LIMIT \(limit)
            """,
            WorkflowStep.init)
    }

    /// Organisations with steps that can run: their turn may have been missed.
    func organisationsWithReadySteps(limit: Int) throws -> [ID<Organisation>] {
        try all(
            """
            SELECT DISTINCT workflow_steps.organisation_id AS id FROM workflow_steps
                JOIN workflows ON workflows.id = workflow_steps.workflow_id
            WHERE workflow_steps.state = 'ready' AND workflow_steps.run_at <= \(now) AND workflows.state = 'running'
            ORDER BY workflow_steps.organisation_id LIMIT \(limit)
            """
        ) { try $0["id"] }
    }

    /// A step runs.
    /// - Parameter cost: the part of the budget that is reserved for it.
    func setRunning(_ step: WorkflowStep, job: ID<QueuedJob>, agent: ID<WorkflowAgent>, reserving cost: MicroDollars)
        throws
    {
        try execute(
            """
            UPDATE workflow_steps SET state = 'running', attempt = attempt + 1, job_id = \(job), agent_id = \(agent),
                started_at = \(now), reserved_cost = \(cost.micros), failure = NULL, error = NULL
            WHERE id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'ready'
            """
        )
    }

    func setWaiting(_ step: WorkflowStep) throws {
        try execute(
            """
            UPDATE workflow_steps SET state = 'waiting', job_id = NULL, reserved_cost = 0
            WHERE id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'running'
            """
        )
        try execute(
            """
            UPDATE workflow_agents SET state = 'waiting'
            WHERE step_id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'working'
            """
        )
    }

    func setSucceeded(
        _ step: WorkflowStep, _ output: NodeOutput, confidence: Double, cost: MicroDollars, milliseconds: Int64
    ) throws {
        try execute(
            """
            UPDATE workflow_steps SET state = 'succeeded', job_id = NULL, agent_id = NULL, reserved_cost = 0,
                output = \(output.text), output_status = \(output.status), output_rows = \(output.rows), confidence = \(confidence),
                cost = cost + \(cost.micros), milliseconds = milliseconds + \(milliseconds), finished_at = \(now)
            WHERE id = \(step.id) AND organisation_id = \(step.organisation)
            """
        )
    }

    /// - Parameter retryAt: nil where the step is not tried again by itself.
    func setFailed(
        _ step: WorkflowStep, _ failure: StepFailure, cost: MicroDollars, milliseconds: Int64, retryAt: Instant?
    ) throws {
        let state: WorkflowStep.State = retryAt == nil ? .failed : .ready
        try execute(
            """
            UPDATE workflow_steps SET state = \(state), job_id = NULL, agent_id = NULL, reserved_cost = 0,
                run_at = \(retryAt ?? now), failure = \(failure.kind), error = \(failure.text), cost = cost + \(cost.micros),
                milliseconds = milliseconds + \(milliseconds), finished_at = \(retryAt == nil ? now : nil)
            WHERE id = \(step.id) AND organisation_id = \(step.organisation)
            """
        )
    }

    func setModel(_ model: String, of step: WorkflowStep) throws {
        try execute(
            """
            UPDATE workflow_steps SET model = \(model)
            WHERE id = \(step.id) AND organisation_id = \(step.organisation)
            """
        )
    }

    /// Failed steps can run again, with all of their attempts.
    /// - Returns: their number.
    func reviveFailedSteps(of workflow: Workflow) throws -> Int {
        try execute(
            """
            UPDATE workflow_steps SET state = 'ready', attempts_before = attempt, run_at = \(now), finished_at = NULL
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND state = 'failed'
            """
        )
    }

    func setReady(_ step: WorkflowStep) throws {
        try execute(
            """
            UPDATE workflow_steps SET state = 'ready', run_at = \(now)
            WHERE id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'pending'
            """
        )
    }

    /// Ends the steps and the agents of a workflow that has ended.
    func cancelSteps(of workflow: Workflow) throws {
        try execute(
            """
            UPDATE workflow_steps SET state = 'cancelled', job_id = NULL, agent_id = NULL, reserved_cost = 0,
                finished_at = \(now)
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation)
                AND state IN ('pending', 'ready', 'running', 'waiting', 'awaiting_approval')
            """
        )
        try execute(
            """
            UPDATE workflow_agents SET state = 'retired', ended_at = \(now)
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation)
                AND state IN ('working', 'waiting')
            """
        )
    }

    func insertAgent(_ id: ID<WorkflowAgent>, for step: WorkflowStep) throws {
        let capabilities = step.node.capabilities.map(\.rawValue).joined(separator: " ")
        try execute(
            """
            INSERT INTO workflow_agents (id, organisation_id, workflow_id, step_id, capabilities, state, spawned_at)
            VALUES (\(id), \(step.organisation), \(step.workflow), \(step.id), \(capabilities), 'working', \(now))
            """
        )
    }

    /// - Parameter costs: of the attempt that has ended.
    func endAgent(of step: WorkflowStep, as state: WorkflowAgent.State, _ costs: WorkflowCosts) throws {
        try execute(
            """
            UPDATE workflow_agents SET state = \(state), ended_at = \(now), cost = \(costs.cost.micros),
                estimated_cost = \(costs.estimated.micros)
            WHERE step_id = \(step.id) AND organisation_id = \(step.organisation) AND state IN ('working', 'waiting')
            """
        )
    }

    func countWorkingAgents(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM workflow_agents
            WHERE organisation_id = \(organisation) AND state = 'working'
            """)
    }

    /// The agents of a workflow, the newest first.
    func agents(of workflow: Workflow, limit: Int) throws -> [WorkflowAgent] {
        try all(
            """
            SELECT workflow_agents.id, workflow_agents.workflow_id, node_id, capabilities, workflow_agents.state,
                spawned_at, ended_at
            FROM workflow_agents JOIN workflow_steps ON workflow_steps.id = workflow_agents.step_id
            WHERE workflow_agents.workflow_id = \(workflow.id)
                AND workflow_agents.organisation_id = \(workflow.organisation)
            ORDER BY workflow_agents.id DESC LIMIT \(limit)
            """,
            WorkflowAgent.init)
    }

    /// The newest agents of the workflows that the scope may see.
    func agents(in scope: Scope, limit: Int) throws -> [WorkflowAgent] {
        let own: SQL = try manages(scope) ? "" : "AND workflows.person_id = \(scope.person)"
        return try all(
            """
            SELECT workflow_agents.id, workflow_agents.workflow_id, node_id, capabilities, workflow_agents.state,
                spawned_at, ended_at
            FROM workflow_agents JOIN workflow_steps ON workflow_steps.id = workflow_agents.step_id
                JOIN workflows ON workflows.id = workflow_agents.workflow_id
            WHERE workflow_agents.organisation_id = \(scope.organisation) \(own)
            ORDER BY workflow_agents.id DESC LIMIT \(limit)
            """,
            WorkflowAgent.init)
    }

    private static func output(_ row: Row) throws -> NodeOutput {
        NodeOutput(
            text: try row["output"], status: try (row["output_status"] as Int64?).map { Int($0) },
            rows: try (row["output_rows"] as Int64?).map { Int($0) })
    }

    private static var selectStep: SQL { "SELECT \(stepColumns) FROM workflow_steps\n" }

    /// Without the output, which may be large.
    private static var stepColumns: SQL {
        """
        workflow_steps.id, workflow_steps.organisation_id, workflow_id, node, workflow_steps.state, attempt,
        attempts_before, run_at, job_id, agent_id, model, confidence, workflow_steps.cost, workflow_steps.reserved_cost, milliseconds,
        failure, workflow_steps.error, workflow_steps.started_at, workflow_steps.finished_at
        """
    }
}
