import GoalGraphs
import Identity
import Mail
import Modules

/// The e-mails about a workflow to its owner, where the address is verified. They are written to the outbox in the
/// transaction that causes them, hence sent once.
struct WorkflowNotices: Sendable {
    let mailer: Mailer
    /// Of the links in e-mails: the URL of this service.
    let address: String
    /// Signs the links that answer questions.
    let key: [UInt8]

    /// A step waits for the consent of a person.
    func sendQuestion(
        _ approval: ID<WorkflowApproval>, _ question: String, to person: ID<Person>, in transaction: Transaction
    ) throws {
        let token = ApprovalToken(of: approval, key: key).text
        let values = ["question": question, "link": "\(address)/v1/workflow-approval?token=\(token)"]
        try send("workflow-approval", to: person, values, in: transaction)
    }

    /// A step has failed and no recovery helps: the workflow is paused. At most one an hour about a workflow.
    func sendPause(
        of workflow: Workflow, at step: WorkflowStep, because failure: StepFailure, in transaction: Transaction
    ) throws {
        let values = [
            "step": step.node.id, "reason": failure.text,
            "days": "\(Workflow.pauseMax.components.seconds / 86_400)",
            "link": "\(address)/v1/workflows/\(workflow.id)/resume",
        ]
        try send("workflow-paused", to: workflow.person, values, in: transaction)
    }

    private func send(
        _ template: String, to person: ID<Person>, _ values: [String: String], in transaction: Transaction
    ) throws {
        guard let contact = try Contact.of(person, in: transaction), contact.isEmailVerified else { return }
        let values = values.merging(["name": contact.name]) { $1 }
        try mailer.send(Email(template, to: contact.email, values: values), in: transaction)
    }
}
