package import Audit
package import Modules

extension AuditEvent {
    /// Something that a signed-in caller did, or was refused. Where an administrator acts in the caller's name, the event names both.
    /// - Parameters:
    ///   - organisation: whose it was, where it is not the caller's own.
    ///   - target: the account that it was done to, where the subject is something else.
    package init(
        _ action: String,
        outcome: Outcome = .success,
        by scope: Scope,
        in organisation: ID<Organisation>? = nil,
        subjectKind: String? = nil,
        subject: String? = nil,
        target: ID<Person>? = nil,
        details: [String: String] = [:]
    ) {
        var details = details
        if case .key(let key, _) = scope.credential { details["api_key"] = key.text }
        self.init(
            action,
            outcome: outcome,
            actor: scope.person.text,
            impersonator: scope.impersonator?.text,
            organisation: (organisation ?? scope.organisation).text,
            subjectKind: subjectKind,
            subject: subject,
            target: target?.text,
            address: scope.address,
            requestID: scope.requestID,
            details: details
        )
    }

    /// Something that happened at a door that anybody may use.
    package init(
        _ action: String,
        outcome: Outcome = .success,
        from visitor: ClientInfo,
        actor: String? = nil,
        organisation: String? = nil,
        subjectKind: String? = nil,
        subject: String? = nil,
        target: ID<Person>? = nil,
        details: [String: String] = [:]
    ) {
        self.init(
            action,
            outcome: outcome,
            actor: actor,
            organisation: organisation,
            subjectKind: subjectKind,
            subject: subject,
            target: target?.text,
            address: visitor.address,
            requestID: visitor.requestID,
            details: details
        )
    }
}
