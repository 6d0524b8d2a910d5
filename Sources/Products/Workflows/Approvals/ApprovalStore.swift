import Identity
import Modules

/// The SQL of questions about steps.
extension Transaction {
    /// - Parameter subject: what the consent is for (``ToolExecutor/consentSubject(of:of:in:)``).
    func insertApproval(
        _ id: ID<WorkflowApproval>, _ question: String, about step: WorkflowStep, _ subject: String
    ) throws {
        try execute(
            """
            INSERT INTO workflow_approvals (id, organisation_id, workflow_id, step_id, question, subject, state,
                asked_at)
            VALUES (\(id), \(step.organisation), \(step.workflow), \(step.id), \(question), \(subject), 'pending',
                \(now))
            """
        )
        try execute(
            """
            UPDATE workflow_steps SET state = 'awaiting_approval'
            WHERE id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'ready'
            """
        )
    }

    /// Marks the oldest question that waits as mailed.
    /// - Returns: nil without one, and where another question that waits was mailed.
    func takeQuestionToMail(of workflow: Workflow) throws -> (ID<WorkflowApproval>, question: String)? {
        let oldest = try first(
            """
            SELECT id, question, is_mailed FROM workflow_approvals
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND state = 'pending'
            ORDER BY is_mailed DESC, id LIMIT 1
            """
        ) { (try $0["id"] as ID<WorkflowApproval>, try $0["question"] as String, try $0["is_mailed"] as Int64) }
        guard let (id, question, isMailed) = oldest, isMailed == 0 else { return nil }
        try execute(
            """
            UPDATE workflow_approvals SET is_mailed = 1
            WHERE id = \(id) AND organisation_id = \(workflow.organisation)
            """)
        return (id, question)
    }

    /// Whether a person has consented to a step as it is now.
    func isApproved(_ step: WorkflowStep, _ subject: String) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM workflow_approvals
            WHERE step_id = \(step.id) AND organisation_id = \(step.organisation) AND state = 'approved'
                AND subject = \(subject)
            """) > 0
    }

    func approval(_ id: ID<WorkflowApproval>) throws -> WorkflowApproval? {
        try first(Self.selectApproval + "WHERE workflow_approvals.id = \(id)", WorkflowApproval.init)
    }

    /// The newest first.
    func approvals(of workflow: Workflow) throws -> [WorkflowApproval] {
        try all(
            Self.selectApproval + """
                WHERE workflow_approvals.workflow_id = \(workflow.id)
                    AND workflow_approvals.organisation_id = \(workflow.organisation)
                ORDER BY workflow_approvals.id DESC LIMIT 200
                """, WorkflowApproval.init)
    }

    /// - Returns: false where it was answered before.
    func answer(_ approval: WorkflowApproval, as state: WorkflowApproval.State, by person: ID<Person>?) throws -> Bool {
        let isAnswered =
            try execute(
                """
                UPDATE workflow_approvals SET state = \(state), answered_at = \(now), answered_by = \(person)
                WHERE id = \(approval.id) AND organisation_id = \(approval.organisation) AND state = 'pending'
                """
            ) == 1
        guard isAnswered, state == .approved else { return isAnswered }
        try execute(
            """
            UPDATE workflow_steps SET state = 'ready', run_at = \(now)
            WHERE id = \(approval.step) AND organisation_id = \(approval.organisation)
                AND state = 'awaiting_approval'
            """
        )
        return true
    }

    /// The workflow has ended.
    func endApprovals(of workflow: Workflow) throws {
        try execute(
            """
            UPDATE workflow_approvals SET state = 'ended', answered_at = \(now)
            WHERE workflow_id = \(workflow.id) AND organisation_id = \(workflow.organisation) AND state = 'pending'
            """
        )
    }

    private static var selectApproval: SQL {
        """
        SELECT workflow_approvals.id, workflow_approvals.organisation_id, workflow_approvals.workflow_id, step_id,
            node_id, question, workflow_approvals.state, asked_at, answered_at, answered_by
        FROM workflow_approvals JOIN workflow_steps ON workflow_steps.id = workflow_approvals.step_id

        """
    }
}
