import Modules
import Secrets

/// The token in the link of the e-mail about a question. It answers that question and permits nothing else.
struct ApprovalToken: Sendable {
    let approval: ID<WorkflowApproval>
    let text: String

    init(of approval: ID<WorkflowApproval>, key: [UInt8]) {
        self.approval = approval
        text = Base64URL.encode(approval.bytes + MessageAuthentication.code(approval.bytes, key: key))
    }

    /// - Returns: nil for text that was not made with `key`.
    init?(_ text: String, key: [UInt8]) {
        guard let bytes = Base64URL.decode(text),
            let approval = ID<WorkflowApproval>(bytes: Array(bytes.prefix(16)))
        else { return nil }
        self.init(of: approval, key: key)
        guard constantTimeEquals(self.text.utf8, text.utf8) else { return nil }
    }
}
