import GoalGraphs
import Identity
import Modules

/// The SQL of costs.
extension Transaction {
    /// Adds an attempt that has ended to the costs of its person, plan and day, in the transaction that ends it.
    func addCosts(_ costs: WorkflowCosts, of workflow: Workflow) throws {
        try execute(
            """
            INSERT INTO workflow_costs (organisation_id, person_id, plan, day, attempts, cost, estimated_cost,
                has_deleted)
            VALUES (\(workflow.organisation), \(workflow.person), \(workflow.plan), \(WorkflowCostQuery.day(of: now)),
                \(costs.attempts), \(costs.cost.micros), \(costs.estimated.micros), 0)
            ON CONFLICT (organisation_id, person_id, plan, day) DO UPDATE
            SET attempts = workflow_costs.attempts + excluded.attempts, cost = workflow_costs.cost + excluded.cost,
                estimated_cost = workflow_costs.estimated_cost + excluded.estimated_cost
            """
        )
    }

    /// The agents of a workflow are about to be deleted: its costs stay, and are not computed again.
    func keepCosts(of workflow: Workflow) throws {
        try execute(
            """
            UPDATE workflow_costs SET has_deleted = 1
            WHERE organisation_id = \(workflow.organisation) AND person_id = \(workflow.person)
                AND plan = \(workflow.plan) AND day IN (
                    SELECT ended_at / 86400000000 FROM workflow_agents
                    WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation)
                        AND cost IS NOT NULL
                    UNION SELECT COALESCE(started_at, finished_at) / 86400000000 FROM workflows
                    WHERE id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND planning_cost > 0)
            """
        )
    }

    /// The sums of each day, person or plan, by its text; people by their costs, the highest first.
    func costs(_ query: WorkflowCostQuery, by group: WorkflowCostQuery.Group) throws -> [(
        name: String, costs: WorkflowCosts
    )] {
        let (column, order): (SQL, SQL) =
            switch group {
            case .day: ("day", "day LIMIT \(WorkflowCostQuery.daysMax)")
            case .person: ("person_id", "3 DESC, 1 LIMIT \(WorkflowCostQuery.peopleMax)")
            case .plan: ("plan", "plan LIMIT \(WorkflowCostQuery.peopleMax)")
            }
        return try all(
            """
            SELECT CAST(\(column) AS TEXT) AS name, \(Self.sums) FROM workflow_costs WHERE \(Self.condition(of: query))
            GROUP BY \(column) ORDER BY \(order)
            """
        ) { (name: try $0["name"], costs: try Self.costs($0)) }
    }

    private static func costs(_ row: Row) throws -> WorkflowCosts {
        WorkflowCosts(
            attempts: try row["attempts"], cost: MicroDollars(try row["cost"]),
            estimated: MicroDollars(try row["estimated_cost"]))
    }

    private static func condition(of query: WorkflowCostQuery) -> SQL {
        var condition: SQL = "day BETWEEN \(query.days.lowerBound) AND \(query.days.upperBound)"
        if let organisation = query.organisation { condition = "\(condition) AND organisation_id = \(organisation)" }
        if let person = query.person { condition = "\(condition) AND person_id = \(person)" }
        return condition
    }

    private static var sums: SQL {
        """
        CAST(COALESCE(SUM(attempts), 0) AS \(.integer)) AS attempts,
        CAST(COALESCE(SUM(cost), 0) AS \(.integer)) AS cost,
        CAST(COALESCE(SUM(estimated_cost), 0) AS \(.integer)) AS estimated_cost
        """
    }
}
