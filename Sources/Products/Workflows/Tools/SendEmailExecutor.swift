import GoalGraphs
import Identity
import Mail
import Modules

/// Sends an e-mail to the owner of the workflow, or to members of the organisation whose addresses are verified. It is
/// written to the outbox in the transaction that ends the step, hence sent once.
final class SendEmailExecutor: ToolExecutor {
    let tool = Tool.sendEmail
    private let database: any Database
    private let mailer: Mailer

    init(database: any Database, mailer: Mailer) {
        self.database = database
        self.mailer = mailer
    }

    func run(_ run: StepRun) async throws -> ToolResult {
        let (subject, text) = (try run.requiredText("subject"), try run.requiredText("text"))
        guard text.count <= EmailTemplates.messageLengthMax else {
            throw StepFailure(
                .resourceExhaustion,
                "The text of an e-mail has at most \(EmailTemplates.messageLengthMax) characters; this one has "
                    + "\(text.count).")
        }
        let wanted = (run.arguments["to"]?.array ?? []).compactMap(\.string)
        guard !wanted.isEmpty else { throw StepFailure(.toolError, "The e-mail has no recipient.") }
        let contacts = try await contacts(wanted, of: run.workflow)
        let recipients = contacts.map(\.email).joined(separator: ", ")
        return .output(NodeOutput(text: "Sent to \(recipients)")) { [mailer] transaction in
            for contact in contacts {
                let values = ["name": contact.name, "title": subject, "message": text]
                try mailer.send(Email("workflow-message", to: contact.email, values: values), in: transaction)
            }
        }
    }

    /// - Throws: ``StepFailure`` for an address that is not verified, or no member's.
    private func contacts(_ wanted: [String], of workflow: Workflow) async throws -> [Contact] {
        let (found, missing) = try await database.read { transaction in
            var found: [String: Contact] = [:]
            var missing: [String] = []
            for address in wanted {
                let contact =
                    try address == Tool.ownerAddress
                    ? Contact.of(workflow.person, in: transaction)
                    : Contact.member(withAddress: address, of: workflow.organisation, in: transaction)
                if let contact, contact.isEmailVerified {
                    found[contact.email] = contact
                } else {
                    missing.append(address)
                }
            }
            return (found.values.sorted { $0.email < $1.email }, missing)
        }
        guard missing.isEmpty else {
            throw StepFailure(
                .policyViolation,
                "E-mails go to the owner and to members of the organisation, whose addresses are verified; not to "
                    + "\(missing.joined(separator: ", ")).")
        }
        return found
    }
}
