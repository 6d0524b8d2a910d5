package import Audit
package import Modules

extension AuditEvent {
    /// Something that a signed-in caller did, or was refused.
    /// - Parameter organisation: whose it was, where it is not the caller's own.
    package init(
        _ action: String,
        outcome: Outcome = .success,
        by scope: Scope,
        in organisation: ID<Organisation>? = nil,
        subject: String? = nil,
        details: [String: String] = [:]
    ) {
        var details = details
        if case .key(let key, _) = scope.credential { details["api_key"] = key.text }
        self.init(
            action,
            outcome: outcome,
            actor: scope.person.text,
            organisation: (organisation ?? scope.organisation).text,
            subject: subject,
            address: scope.address,
            requestID: scope.requestID,
            details: details
        )
    }

    /// Something that happened at a door that anybody may use.
    package init(
        _ action: String,
        outcome: Outcome = .success,
        from visitor: Visitor,
        actor: String? = nil,
        organisation: String? = nil,
        subject: String? = nil,
        details: [String: String] = [:]
    ) {
        self.init(
            action,
            outcome: outcome,
            actor: actor,
            organisation: organisation,
            subject: subject,
            address: visitor.address,
            requestID: visitor.requestID,
            details: details
        )
    }
}
