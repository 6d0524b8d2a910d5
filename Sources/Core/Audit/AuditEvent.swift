import Modules

/// One event of the audit trail: who did what to which object, and with which outcome.
package struct AuditEvent: Sendable {
    package enum Outcome: String, Sendable, CaseIterable, SQLBindable, SQLReadable { case success, failure, refused }

    /// Noun and verb, such as `session.created` or `training.started`.
    package let action: String
    package let outcome: Outcome
    /// The account that acted; nil for the system and for unauthenticated clients.
    package let actor: String?
    /// The administrator who impersonated the actor; nil without impersonation.
    package let impersonator: String?
    package let organisation: String?
    /// The kind of the object; the action's noun by default.
    package let subjectKind: String
    /// The object's id.
    package let subject: String?
    /// The account that was acted upon, where the subject is another object of that account.
    package let target: String?
    /// The client's network address.
    package let address: String?
    package let requestID: String?
    /// Short values for display. Must not contain secrets.
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
