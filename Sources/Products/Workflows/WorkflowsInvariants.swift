import Modules

/// Conditions that hold in every committed state of the database.
enum WorkflowsInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the counts of a workflow differ from those of its steps",
            """
            SELECT workflows.id, steps_total, steps_completed, steps_failed FROM workflows LEFT JOIN (
                SELECT workflow_id, COUNT(*) AS total, COUNT(CASE WHEN state = 'succeeded' THEN 1 END) AS completed,
                    COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed
                FROM workflow_steps GROUP BY workflow_id
            ) AS counts ON counts.workflow_id = workflows.id
            WHERE steps_total <> COALESCE(total, 0) OR steps_completed <> COALESCE(completed, 0)
                OR steps_failed <> COALESCE(failed, 0)
            """),
        Invariant(
            "a workflow that has ended has steps that have not",
            """
            SELECT workflow_steps.id, workflow_steps.state, workflows.state AS workflow FROM workflow_steps
                JOIN workflows ON workflows.id = workflow_steps.workflow_id
            WHERE workflows.state IN ('completed', 'failed', 'cancelled')
                AND workflow_steps.state IN ('pending', 'ready', 'running', 'waiting', 'awaiting_approval')
            """),
        Invariant(
            "the settlement of a workflow contradicts its reservation",
            """
            SELECT workflows.id, settlement, reservations.state FROM workflows
                LEFT JOIN reservations ON reservations.id = workflows.reservation_id
            WHERE NOT COALESCE(
                (settlement = 'none' AND reservation_id IS NULL)
                OR (settlement = 'held' AND reservations.state IN ('held', 'expired'))
                OR (settlement = 'committed' AND (reservations.id IS NULL OR reservations.state = 'committed'))
                OR (settlement = 'released'
                    AND (reservations.id IS NULL OR reservations.state IN ('released', 'expired'))), false)
            """),
        Invariant(
            "a workflow that has ended has something reserved",
            """
            SELECT id, settlement FROM workflows
            WHERE state IN ('completed', 'failed', 'cancelled') AND settlement = 'held'
            """),
        Invariant(
            "a step that runs or waits has no agent, or an agent has no such step",
            """
            SELECT workflow_agents.id, workflow_steps.state FROM workflow_agents
                JOIN workflow_steps ON workflow_steps.id = workflow_agents.step_id
            WHERE (workflow_agents.state = 'working') <> (workflow_steps.state = 'running' AND
                workflow_steps.agent_id = workflow_agents.id)
            """),
        Invariant(
            "the cost of a workflow differs from that of its plan and its steps",
            """
            SELECT workflows.id, workflows.cost, steps.cost AS steps FROM workflows LEFT JOIN (
                SELECT workflow_id, SUM(cost) AS cost FROM workflow_steps GROUP BY workflow_id
            ) AS steps ON steps.workflow_id = workflows.id
            WHERE workflows.cost <> workflows.planning_cost + COALESCE(steps.cost, 0)
            """),
        Invariant(
            "the reserved cost of a workflow differs from that of its steps",
            """
            SELECT workflows.id, workflows.state, workflows.reserved_cost, steps.reserved_cost AS steps
            FROM workflows LEFT JOIN (
                SELECT workflow_id, SUM(reserved_cost) AS reserved_cost FROM workflow_steps GROUP BY workflow_id
            ) AS steps ON steps.workflow_id = workflows.id
            WHERE workflows.state <> 'pending' AND workflows.reserved_cost <> COALESCE(steps.reserved_cost, 0)
            """),
        // Of days of which a workflow was deleted, a part is computed.
        Invariant(
            "the costs of a person, a plan and a day differ from those of their agents and plans",
            """
            SELECT costs.person_id, costs.plan, costs.day, costs.cost, agents.cost AS agents
            FROM workflow_costs AS costs LEFT JOIN (\(costsOfWork)) AS agents
                ON agents.organisation_id = costs.organisation_id AND agents.person_id = costs.person_id
                AND agents.plan = costs.plan AND agents.day = costs.day
            WHERE costs.attempts < COALESCE(agents.attempts, 0) OR costs.cost < COALESCE(agents.cost, 0)
                OR costs.estimated_cost < COALESCE(agents.estimated_cost, 0)
                OR (costs.has_deleted = 0 AND (costs.attempts > COALESCE(agents.attempts, 0)
                    OR costs.cost > COALESCE(agents.cost, 0)
                    OR costs.estimated_cost > COALESCE(agents.estimated_cost, 0)))
            """),
        Invariant(
            "the costs of agents or plans are not counted",
            """
            SELECT agents.person_id, agents.plan, agents.day, agents.cost
            FROM (\(costsOfWork)) AS agents LEFT JOIN workflow_costs AS costs
                ON agents.organisation_id = costs.organisation_id AND agents.person_id = costs.person_id
                AND agents.plan = costs.plan AND agents.day = costs.day
            WHERE costs.day IS NULL
            """),
    ]

    /// Of the attempts at steps and of the plans.
    private static var costsOfWork: SQL {
        """
        SELECT organisation_id, person_id, plan, day, SUM(attempts) AS attempts, SUM(cost) AS cost,
            SUM(estimated_cost) AS estimated_cost
        FROM (
            SELECT workflows.organisation_id, person_id, plan, ended_at / 86400000000 AS day, 1 AS attempts,
                workflow_agents.cost AS cost, workflow_agents.estimated_cost AS estimated_cost
            FROM workflow_agents JOIN workflows ON workflows.id = workflow_agents.workflow_id
            WHERE workflow_agents.cost IS NOT NULL
            UNION ALL
            SELECT organisation_id, person_id, plan, COALESCE(started_at, finished_at) / 86400000000, 0,
                planning_cost, 0
            FROM workflows WHERE planning_cost > 0
        ) AS work GROUP BY organisation_id, person_id, plan, day
        """
    }
}
