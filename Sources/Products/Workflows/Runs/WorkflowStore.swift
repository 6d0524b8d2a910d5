import Entitlements
import GoalGraphs
import Identity
import Modules

/// The SQL of workflows.
extension Transaction {
    func insert(_ workflow: Workflow, context: String, graph: String?) throws {
        try execute(
            """
            INSERT INTO workflows (id, organisation_id, person_id, plan, trust, intent, context, graph, priority,
                priority_rank, parent_step_id, root_id, depth, budget, operation_key, fingerprint, credit_hold_id,
                reservation_id, credits_left, created_at, state, settlement, estimated_cost, estimated_seconds, cost,
                planning_cost, reserved_cost, confidence_sum, steps_total, steps_completed, steps_failed, output_bytes)
            VALUES (\(workflow.id), \(workflow.organisation), \(workflow.person), \(workflow.plan),
                \(workflow.trust.rawValue), \(workflow.intent), \(context), \(graph), \(workflow.priority),
                \(workflow.priority.rank), \(workflow.parentStep), \(workflow.root), \(workflow.depth),
                \(workflow.budget.micros), \(workflow.operation), \(workflow.fingerprint),
                \(workflow.creditHold), \(workflow.reservation), \(workflow.creditsLeft), \(workflow.createdAt),
                \(workflow.state), \(workflow.settlement), \(workflow.estimatedCost.micros),
                \(workflow.estimatedSeconds), 0, 0, 0, 0.0, 0, 0, 0, 0)
            """
        )
    }

    /// Writes what transitions have changed.
    /// - Parameter state: in which the workflow was read.
    /// - Throws: `workflow-state-conflict` where it has another one by now.
    func update(_ workflow: Workflow, from state: Workflow.State) throws {
        let count = try execute(
            """
            UPDATE workflows SET state = \(workflow.state), pause = \(workflow.pause),
                settlement = \(workflow.settlement), planner = \(workflow.planner),
                estimated_cost = \(workflow.estimatedCost.micros), estimated_seconds = \(workflow.estimatedSeconds),
                cost = \(workflow.cost.micros), planning_cost = \(workflow.planningCost.micros),
                reserved_cost = \(workflow.reservedCost.micros),
                confidence_sum = \(workflow.confidenceSum), steps_total = \(workflow.stepsTotal),
                steps_completed = \(workflow.stepsCompleted), steps_failed = \(workflow.stepsFailed),
                output_bytes = \(workflow.outputBytes),
                error_code = \(workflow.error?.code), error = \(workflow.error?.text),
                started_at = \(workflow.startedAt), paused_at = \(workflow.pausedAt),
                pause_mailed_at = \(workflow.pauseMailedAt),
                finished_at = \(workflow.finishedAt), deadline_at = \(workflow.deadlineAt)
            WHERE id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND state = \(state)
            """
        )
        guard count == 1 else { throw Problem(.workflowStateConflict) }
    }

    /// Without the context and the graph, which may be large.
    private static var workflowColumns: SQL {
        """
        id, organisation_id, person_id, plan, trust, intent, priority, parent_step_id, root_id, depth, budget,
        operation_key, fingerprint, credit_hold_id, reservation_id, credits_left, created_at, state, pause, settlement,
        planner, estimated_cost, estimated_seconds, cost, planning_cost, reserved_cost, confidence_sum, steps_total,
        steps_completed, steps_failed, output_bytes, error_code, error, started_at, paused_at, pause_mailed_at,
        finished_at, deadline_at
        """
    }

    func workflow(_ id: ID<Workflow>, of organisation: ID<Organisation>) throws -> Workflow? {
        try first(
            "SELECT \(Self.workflowColumns) FROM workflows WHERE id = \(id) AND organisation_id = \(organisation)",
            Workflow.init)
    }

    /// A workflow that the scope may see: its person's own, and any of the organisation for those who manage it.
    /// - Throws: `workflow-not-found`; `access-denied` for that of another person or organisation.
    func workflow(_ id: ID<Workflow>, in scope: Scope) throws -> Workflow {
        guard let workflow = try first("SELECT \(Self.workflowColumns) FROM workflows WHERE id = \(id)", Workflow.init)
        else {
            throw Problem(.workflowNotFound, detail: Problem.Kind.workflowNotFound.title)
        }
        guard try workflow.organisation == scope.organisation && (workflow.person == scope.person || manages(scope))
        else { throw Problem(.workflowAccessDenied, detail: Problem.Kind.workflowAccessDenied.title) }
        return workflow
    }

    /// Whether the scope may see the workflow.
    func mayRead(_ id: ID<Workflow>, in scope: Scope) throws -> Bool {
        // Asked again and again while a topic is read: without the texts of the row.
        let person: ID<Person>? = try first(
            "SELECT person_id FROM workflows WHERE id = \(id) AND organisation_id = \(scope.organisation)"
        )?["person_id"]
        guard let person else { return false }
        return try person == scope.person || manages(scope)
    }

    func workflow(ofOperation operation: String, in organisation: ID<Organisation>) throws -> Workflow? {
        try first(
            "SELECT \(Self.workflowColumns) FROM workflows WHERE organisation_id = \(organisation) AND operation_key = \(operation)",
            Workflow.init)
    }

    func workflow(ofReservation reservation: ID<Reservation>, in organisation: ID<Organisation>) throws -> Workflow? {
        try first(
            "SELECT \(Self.workflowColumns) FROM workflows WHERE organisation_id = \(organisation) AND reservation_id = \(reservation)",
            Workflow.init)
    }

    /// What the client has sent beside the intent, as JSON.
    func context(of workflow: Workflow) throws -> String? {
        try first(
            "SELECT context FROM workflows WHERE id = \(workflow.id) AND organisation_id = \(workflow.organisation)"
        ) { try $0["context"] }
    }

    /// The graph that the client has sent, as JSON; nil without one.
    func graph(of workflow: Workflow) throws -> String? {
        let row = try first(
            "SELECT graph FROM workflows WHERE id = \(workflow.id) AND organisation_id = \(workflow.organisation)")
        return try row?["graph"]
    }

    /// The submitted workflows that the scope may see, the newest first.
    func workflows(in scope: Scope, state: Workflow.State?, limit: Int, offset: Int) throws -> [Workflow] {
        try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows WHERE \(try visible(to: scope)) AND \(Self.isState(state)) AND depth = 0
            ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            Workflow.init)
    }

    func countWorkflows(in scope: Scope, state: Workflow.State?) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM workflows
            WHERE \(try visible(to: scope)) AND \(Self.isState(state)) AND depth = 0
            """)
    }

    /// Counts and sums of the submitted workflows that the scope may see.
    func workflowSums(in scope: Scope) throws -> [Workflow.State: WorkflowSum] {
        let rows = try all(
            """
            SELECT state, COUNT(*) AS count, CAST(SUM(cost) AS \(.integer)) AS cost,
                CAST(SUM(estimated_cost) AS \(.integer)) AS estimated_cost
            FROM workflows WHERE \(try visible(to: scope)) AND depth = 0 GROUP BY state
            """
        ) { row in
            (
                try row["state"] as Workflow.State,
                WorkflowSum(
                    count: try row["count"], cost: MicroDollars(try row["cost"]),
                    estimated: MicroDollars(try row["estimated_cost"]))
            )
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// Submitted workflows of all organisations, the newest first, for administrators.
    func workflows(state: Workflow.State?, of person: ID<Person>?, before: ID<Workflow>?, limit: Int) throws
        -> [Workflow]
    {
        var condition: SQL = "depth = 0"
        if let state { condition = "\(condition) AND state = \(state)" }
        if let person { condition = "\(condition) AND person_id = \(person)" }
        if let before { condition = "\(condition) AND id < \(before)" }
        return try all(
            "SELECT \(Self.workflowColumns) FROM workflows WHERE \(condition) ORDER BY id DESC LIMIT \(limit)",
            Workflow.init)
    }

    /// The unfinished workflows that a step has started.
    func unfinishedChildren(of workflow: Workflow) throws -> [Workflow] {
        try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows
            WHERE organisation_id = \(workflow.organisation) AND state IN ('pending', 'running', 'paused')
                AND parent_step_id IN (SELECT id FROM workflow_steps WHERE workflow_id = \(workflow.id))
            ORDER BY id
            """,
            Workflow.init)
    }

    /// The newest workflow within each step that has started one.
    func children(of workflow: Workflow) throws -> [ID<WorkflowStep>: ID<Workflow>] {
        let rows = try all(
            """
            SELECT id, parent_step_id FROM workflows
            WHERE root_id = \(workflow.root) AND organisation_id = \(workflow.organisation)
                AND parent_step_id IN (SELECT id FROM workflow_steps WHERE workflow_id = \(workflow.id))
            ORDER BY id
            """
        ) { (try $0["parent_step_id"] as ID<WorkflowStep>, try $0["id"] as ID<Workflow>) }
        return Dictionary(rows) { $1 }
    }

    /// The number of workflows that belong to a submitted one, itself included.
    func countFamily(of root: ID<Workflow>, in organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM workflows WHERE organisation_id = \(organisation) AND root_id = \(root)
            """)
    }

    /// What a submitted workflow and those within it have cost, each attempt and plan once, and have reserved.
    func familyCosts(of root: ID<Workflow>, in organisation: ID<Organisation>) throws -> (
        spent: MicroDollars, reserved: MicroDollars
    ) {
        let costs = try first(
            """
            SELECT CAST(COALESCE(SUM(planning_cost), 0) AS \(.integer)) AS planned,
                CAST(COALESCE(SUM(reserved_cost), 0) AS \(.integer)) AS reserved,
                CAST(COALESCE((
                    SELECT SUM(workflow_agents.cost) FROM workflow_agents
                        JOIN workflows AS members ON members.id = workflow_agents.workflow_id
                    WHERE members.root_id = \(root) AND members.organisation_id = \(organisation)
                ), 0) AS \(.integer)) AS worked
            FROM workflows WHERE root_id = \(root) AND organisation_id = \(organisation)
            """
        ) { row in
            (
                spent: MicroDollars(try row["planned"]) + MicroDollars(try row["worked"]),
                reserved: MicroDollars(try row["reserved"])
            )
        }
        return costs ?? (.zero, .zero)
    }

    /// The unfinished submitted workflows of a person, in the order of their organisations.
    /// - Parameter organisation: nil for all of them.
    func unfinishedWorkflows(of person: ID<Person>, in organisation: ID<Organisation>?) throws -> [Workflow] {
        let place: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows
            WHERE person_id = \(person) AND state IN ('pending', 'running', 'paused') AND depth = 0 \(place)
            ORDER BY organisation_id, id
            """,
            Workflow.init)
    }

    /// The organisations with unfinished workflows or active schedules of a person, in the order of their ids.
    /// - Parameter organisation: the only one that is looked at; nil for all of them.
    func organisations(withWorkOf person: ID<Person>, in organisation: ID<Organisation>?) throws -> [ID<Organisation>] {
        let place: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            """
            SELECT organisation_id FROM workflows
            WHERE person_id = \(person) AND state IN ('pending', 'running', 'paused') AND depth = 0 \(place)
            UNION SELECT organisation_id FROM workflow_schedules
            WHERE person_id = \(person) AND is_active = 1 \(place)
            ORDER BY organisation_id
            """
        ) { try $0["organisation_id"] }
    }

    // MARK: For jobs

    /// Workflows whose time is over, running or paused, after `id`, in the order of their ids.
    func overdueWorkflows(after id: String, limit: Int) throws -> [Workflow] {
        try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows
            WHERE ((state = 'running' AND deadline_at <= \(now))
                OR (state = 'paused' AND paused_at <= \(now - Workflow.pauseMax))) AND id > \(id)
            ORDER BY id LIMIT \(limit)
            """,
            Workflow.init)
    }

    /// Workflows whose credit is reserved, after `id`, in the order of their ids.
    func heldWorkflows(after id: String, limit: Int) throws -> [Workflow] {
        try all(
            "SELECT \(Self.workflowColumns) FROM workflows WHERE settlement = 'held' AND id > \(id) ORDER BY id LIMIT \(limit)",
            Workflow.init)
    }

    /// Submitted workflows that ended before the retention, in the order of their ends.
    /// - Parameter last: the one that they follow; nil for the first ones.
    func oldWorkflows(after last: Workflow?, limit: Int) throws -> [Workflow] {
        let rest: SQL = if let last { "AND (finished_at, id) > (\(last.finishedAt), \(last.id))" } else { "" }
        return try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows
            WHERE finished_at < \(now - Workflow.retention) AND depth = 0 \(rest)
            ORDER BY finished_at, id LIMIT \(limit)
            """,
            Workflow.init)
    }

    /// A submitted workflow and those within it.
    func family(of workflow: Workflow) throws -> [Workflow] {
        try all(
            """
            SELECT \(Self.workflowColumns) FROM workflows WHERE root_id = \(workflow.root) AND organisation_id = \(workflow.organisation)
            ORDER BY depth DESC, id
            """,
            Workflow.init)
    }

    /// Deletes a workflow with the rows that refer to it.
    func delete(_ workflow: Workflow) throws {
        try keepCosts(of: workflow)
        let steps: SQL = "(SELECT id FROM workflow_steps WHERE workflow_id = \(workflow.id))"
        for condition: SQL in [
            "workflow_effects WHERE step_id IN \(steps)", "workflow_approvals WHERE workflow_id = \(workflow.id)",
            "workflow_agents WHERE workflow_id = \(workflow.id)",
            "workflow_steps WHERE workflow_id = \(workflow.id)", "workflow_files WHERE root_id = \(workflow.id)",
            "workflows WHERE id = \(workflow.id)",
        ] { try execute("DELETE FROM \(condition) AND organisation_id = \(workflow.organisation)") }
    }

    private func visible(to scope: Scope) throws -> SQL {
        try manages(scope)
            ? "organisation_id = \(scope.organisation)"
            : "organisation_id = \(scope.organisation) AND person_id = \(scope.person)"
    }

    private static func isState(_ state: Workflow.State?) -> SQL {
        if let state { "state = \(state)" } else { "1 = 1" }
    }
}
