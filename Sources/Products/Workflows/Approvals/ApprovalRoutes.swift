import Identity
import Modules

/// The endpoints of questions about steps.
struct ApprovalRoutes: Sendable {
    let approvals: ApprovalService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "workflows/{workflow_id}/approvals", "List the questions about the steps of a workflow",
                requires: member.allowing(.workflows), .path("workflow_id", of: Workflow.self),
                problems: [.workflowNotFound, .workflowAccessDenied]
            ) { [approvals] in try await approvals.list(of: $1, scope: $0) },
            .post(
                "workflows/{workflow_id}/approvals/{approval_id}", "Answer a question about a step",
                requires: member.allowing(.workflows), .path("workflow_id", of: Workflow.self),
                .path("approval_id", of: WorkflowApproval.self),
                problems: [.workflowNotFound, .workflowAccessDenied, .workflowStateConflict, .notFound]
            ) { [approvals] (request: AnswerApproval, scope, workflow, approval) in
                try await approvals.answer(request, approval, of: workflow, scope: scope)
            },
            .get(
                "workflow-approval", "Page that the link of an e-mail about a step opens", requires: .public,
                .query("token", upTo: 400)
            ) { [approvals] _, token in try await approvals.page(token: token ?? "") },
            .post(
                "workflow-approvals", "Answer a question about a step by the token of its e-mail", requires: .public,
                problems: [.notFound, .workflowStateConflict]
            ) { [approvals] (request: AnswerApprovalByLink, _) in try await approvals.answer(request) },
        ]
    }
}
