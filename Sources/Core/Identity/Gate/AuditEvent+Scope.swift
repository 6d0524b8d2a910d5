package import Audit
package import Modules

extension AuditEvent {
    /// An action of an authenticated client, or its refusal. With impersonation the event names both persons.
    /// - Parameters:
    ///   - organisation: the organisation of the subject, where it is not the scope's.
    ///   - target: the account that is affected, where the subject is something else.
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

    /// An action at a public endpoint.
    package init(
        _ action: String,
        outcome: Outcome = .success,
        from client: ClientInfo,
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
            address: client.address,
            requestID: client.requestID,
            details: details
        )
    }
}
