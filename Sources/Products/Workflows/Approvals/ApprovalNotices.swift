import Identity
import Mail
import Modules

/// The e-mails about questions, to the owner of the workflow.
struct ApprovalNotices: Sendable {
    let mailer: Mailer
    /// Of the links in e-mails: the URL of this service.
    let address: String
    /// Signs the links.
    let key: [UInt8]

    func send(_ approval: ID<WorkflowApproval>, _ question: String, to person: ID<Person>, in transaction: Transaction)
        throws
    {
        guard let contact = try Contact.of(person, in: transaction), contact.isEmailVerified else { return }
        let token = ApprovalToken(of: approval, key: key).text
        let values = [
            "name": contact.name, "question": question, "link": "\(address)/v1/workflow-approval?token=\(token)",
        ]
        try mailer.send(Email("workflow-approval", to: contact.email, values: values), in: transaction)
    }
}
