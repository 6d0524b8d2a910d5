import Modules

/// One thing that happened: who did what, for whom, to what, and how it ended.
package struct AuditEvent: Sendable {
    package enum Outcome: String, Sendable, CaseIterable, SQLBindable, SQLReadable { case success, failure, refused }

    /// Noun and verb, such as `session.created` or `training.started`.
    package let action: String
    package let outcome: Outcome
    /// The account in whose name it was done; nil for the system itself and for strangers.
    package let actor: String?
    /// The administrator who acted in the actor's name; nil where it was the actor.
    package let impersonator: String?
    package let organisation: String?
    /// What kind of thing it was done to: the action's noun, unless it is said.
    package let subjectKind: String
    /// What it was done to, by id.
    package let subject: String?
    /// The account that it was done to, where the subject is another thing of theirs.
    package let target: String?
    package let address: String?
    package let requestID: String?
    /// Small facts for people; never a secret.
    package let details: [String: String]

    package init(
        _ action: String,
        outcome: Outcome = .success,
        actor: String? = nil,
        impersonator: String? = nil,
        organisation: String? = nil,
        subjectKind: String? = nil,
        subject: String? = nil,
        target: String? = nil,
        address: String? = nil,
        requestID: String? = nil,
        details: [String: String] = [:]
    ) {
        self.action = action
        self.outcome = outcome
        self.actor = actor
        self.impersonator = impersonator
        self.organisation = organisation
        self.subjectKind = subjectKind ?? String(action.prefix { $0 != "." })
        self.subject = subject
        self.target = target
        self.address = address
        self.requestID = requestID
        self.details = details
    }
}
