package import Modules

/// Who did what, to what, with which outcome: one row an event, written in the transaction of the change that it tells of.
package struct AuditModule: Module {
    private let runtime: Runtime

    package init(runtime: Runtime) { self.runtime = runtime }

    package var migrations: [Migration] { Self.migrations }

    /// Writes one event; it is there if and only if the transaction commits.
    package func record(_ event: AuditEvent, in transaction: Transaction) throws {
        try transaction.insert(event, id: runtime.id())
    }
}

/// One thing that happened.
package struct AuditEvent: Sendable {
    package enum Outcome: String, Sendable, SQLBindable, SQLReadable { case success, failure, refused }

    /// Noun and verb, such as `session.created` or `training.started`.
    package let action: String
    package let outcome: Outcome
    /// The account that acted; nil for the system itself and for strangers.
    package let actor: String?
    package let organisation: String?
    /// What it was done to, by id.
    package let subject: String?
    package let address: String?
    package let requestID: String?
    /// Small facts for people; never a secret.
    package let details: [String: String]

    package init(
        _ action: String,
        outcome: Outcome = .success,
        actor: String? = nil,
        organisation: String? = nil,
        subject: String? = nil,
        address: String? = nil,
        requestID: String? = nil,
        details: [String: String] = [:]
    ) {
        self.action = action
        self.outcome = outcome
        self.actor = actor
        self.organisation = organisation
        self.subject = subject
        self.address = address
        self.requestID = requestID
        self.details = details
    }
}

extension AuditModule {
    package static let migrations = AuditSchema.migrations
}
