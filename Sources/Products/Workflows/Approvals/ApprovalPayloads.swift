import Identity
import Modules

struct WorkflowApprovalView: Payload {
    let approvalId: ID<WorkflowApproval>
    let workflowId: ID<Workflow>
    let stepId: String
    let question: String
    let state: WorkflowApproval.State
    let askedAt: Instant
    let answeredAt: Instant?

    init(_ approval: WorkflowApproval) {
        approvalId = approval.id
        workflowId = approval.workflow
        stepId = approval.node
        question = approval.question
        state = approval.state
        askedAt = approval.askedAt
        answeredAt = approval.answeredAt
    }
}

/// The questions about the steps of a workflow, the newest first.
struct WorkflowApprovalList: Payload {
    let workflowId: ID<Workflow>
    let approvals: [WorkflowApprovalView]
}

struct AnswerApproval: Payload {
    var approve: Bool
}

/// What the form of the page sends that an e-mail links to.
struct AnswerApprovalByLink: FormReadable {
    var token: String
    /// `approve` or `deny`.
    var decision: String

    static let rules: [String: Rule] = ["token": .length(1...400), "decision": .oneOf(["approve", "deny"])]
}
