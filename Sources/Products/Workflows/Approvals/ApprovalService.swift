import Identity
import Modules
import Secrets

/// Lists and answers questions about steps.
final class ApprovalService: Sendable {
    private let database: any Database
    private let runner: WorkflowRunner
    /// Of the links in e-mails.
    private let key: [UInt8]

    init(database: any Database, runner: WorkflowRunner, key: [UInt8]) {
        self.database = database
        self.runner = runner
        self.key = key
    }

    /// - Throws: `workflow-not-found`, `workflow-access-denied`.
    func list(of id: ID<Workflow>, scope: Scope) async throws(Problem) -> WorkflowApprovalList {
        try await database.read { transaction in
            let workflow = try transaction.workflow(id, in: scope)
            return WorkflowApprovalList(
                workflowId: id, approvals: try transaction.approvals(of: workflow).map { WorkflowApprovalView($0) })
        }
    }

    /// - Throws: `workflow-not-found`, `workflow-access-denied`; `not-found` for a question of another workflow;
    ///   `workflow-state-conflict` for one that was answered.
    func answer(_ request: AnswerApproval, _ approval: ID<WorkflowApproval>, of id: ID<Workflow>, scope: Scope)
        async throws(Problem) -> WorkflowApprovalView
    {
        try await database.write { [runner] transaction in
            let workflow = try transaction.workflow(id, in: scope)
            guard let approval = try transaction.approval(approval), approval.workflow == workflow.id else {
                throw Problem(.notFound)
            }
            return try runner.answer(approval, approves: request.approve, by: scope, in: transaction)
        }
    }

    /// Answers by the link of the e-mail.
    /// - Throws: `not-found` for a token that is not valid; `workflow-state-conflict` for a question that was answered.
    func answer(_ request: AnswerApprovalByLink) async throws(Problem) -> WorkflowApprovalView {
        guard let token = ApprovalToken(request.token, key: key) else { throw Problem(.notFound) }
        return try await database.write { [runner] transaction in
            guard let approval = try transaction.approval(token.approval) else { throw Problem(.notFound) }
            return try runner.answer(
                approval, approves: request.decision == "approve", by: nil, in: transaction)
        }
    }

    /// The page of the link. Opening it answers nothing: mail programs open links for their previews.
    func page(token text: String) async throws(Problem) -> HTMLPage {
        guard let token = ApprovalToken(text, key: key),
            let approval = try await database.read({ try $0.approval(token.approval) })
        else { return ApprovalPage.missing }
        return ApprovalPage.question(approval, token: token.text)
    }
}
