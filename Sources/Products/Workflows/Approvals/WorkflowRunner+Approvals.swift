import GoalGraphs
import Identity
import Modules

/// Steps that wait for the consent of a person.
extension WorkflowRunner {
    /// Asks before a step that needs it.
    /// - Returns: false where the step may run.
    func ask(
        about step: WorkflowStep, of workflow: Workflow, _ entries: inout [TrailEntry], in transaction: Transaction
    ) throws -> Bool {
        guard let question = ApprovalPolicy.question(about: step.node),
            let subject = try consentSubject(of: step, in: transaction),
            try !transaction.isApproved(step, subject)
        else { return false }
        let id: ID<WorkflowApproval> = runtime.id()
        try transaction.insertApproval(id, question, about: step, subject)
        try sendNextQuestion(of: workflow, in: transaction)
        entries.append(
            TrailEntry(
                .approvalRequested, of: workflow, node: step.node.id, decision: "ask",
                because: ApprovalPolicy.reason(for: step.node),
                facts: ["approval_id": id.text, "tool": step.node.tool]))
        return true
    }

    private func consentSubject(of step: WorkflowStep, in transaction: Transaction) throws -> String? {
        guard let tool = tools[step.node.tool] else { return "" }
        return try tool.consentSubject(of: step.node, of: step.organisation, in: transaction)
    }

    /// Sends the oldest question that waits, unless the owner has an e-mail about one already: each further e-mail follows
    /// an answer of a person.
    private func sendNextQuestion(of workflow: Workflow, in transaction: Transaction) throws {
        guard let (approval, question) = try transaction.takeQuestionToMail(of: workflow) else { return }
        try notices.sendQuestion(approval, question, to: workflow.person, in: transaction)
    }

    /// - Parameter scope: nil for an answer by the link of the e-mail.
    /// - Throws: `workflow-state-conflict` for a question that was answered.
    func answer(_ approval: WorkflowApproval, approves: Bool, by scope: Scope?, in transaction: Transaction) throws
        -> WorkflowApprovalView
    {
        try change(approval.organisation, in: transaction) { entries in
            guard
                try transaction.answer(approval, as: approves ? .approved : .denied, by: scope?.person),
                var workflow = try transaction.workflow(approval.workflow, of: approval.organisation),
                let answered = try transaction.approval(approval.id)
            else { throw Problem(.workflowStateConflict, detail: "The question was answered.") }
            entries.append(
                TrailEntry(
                    .approvalAnswered, of: workflow, by: scope, node: approval.node,
                    decision: approves ? "approve" : "deny",
                    because: scope == nil ? "By the link of the e-mail." : "By a person with access.",
                    facts: ["approval_id": approval.id.text]))
            if !approves {
                let error = WorkflowError(.approvalDenied, "The step '\(approval.node)' was not approved.")
                try fail(&workflow, error, &entries, in: transaction)
            } else {
                try sendNextQuestion(of: workflow, in: transaction)
            }
            return WorkflowApprovalView(answered)
        }
    }
}
