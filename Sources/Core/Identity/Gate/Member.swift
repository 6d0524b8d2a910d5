import HTTPTypes
package import Modules

/// The requirement of an authenticated account: by bearer token, session cookie or API key. API keys are refused
/// unless the route declares the scope that admits them.
///
/// It is a class because most requirements hold one.
package final class Member: Requirement {
    /// Tried in this order; the first that finds its kind of credential decides.
    let readers: [any CredentialReader]
    let memberships: MembershipService
    let refusals: RefusalRecorder
    /// The scope with which API keys are admitted; nil admits none.
    let keyScope: KeyScope?

    init(
        readers: [any CredentialReader], memberships: MembershipService, refusals: RefusalRecorder,
        keyScope: KeyScope? = nil
    ) {
        self.readers = readers
        self.memberships = memberships
        self.refusals = refusals
        self.keyScope = keyScope
    }

    /// The same requirement, also met by an API key that has `scope`.
    package func allowing(_ scope: KeyScope) -> Member {
        Member(readers: readers, memberships: memberships, refusals: refusals, keyScope: scope)
    }

    package var phase: RequestPhase { .identity }
    package var problems: [Problem.Kind] {
        [.missingAuthorization] + readers.flatMap(\.problems) + [.insufficientScope, .notAMember]
    }
    package var summary: RequirementSummary { RequirementSummary(.member, keyScope: keyScope) }

    package func check(_ request: Request) async throws(Problem) -> Scope {
        let scope = try await scope(of: request)
        if let refusal = refusal(of: scope) {
            try await refusals.note(scope, needing: keyScope.map { "scope \($0.name)" } ?? "a session", at: request)
            throw refusal
        }
        return scope
    }

    /// The scope of the request's credential, whether or not this route admits API keys: for requirements that follow
    /// the one that admitted the request.
    /// - Throws: what the readers throw; `missing-authorization`; `not-a-member`.
    package func scope(of request: Request) async throws(Problem) -> Scope {
        if let known = request.context.value(of: Scope.self) { return known }
        // With two credentials it is ambiguous whose limits apply, for example behind a proxy that adds a token.
        guard !request.headers.contains(.authorization) || !request.headers.contains(.apiKey) else {
            let details: JSONValue = "there are two credentials: send Authorization or X-API-Key"
            throw Problem(.authenticationFailed, members: ["details": details], headers: ["WWW-Authenticate": "Bearer"])
        }
        for reader in readers {
            guard let found = try await reader.scope(of: request) else { continue }
            let scope = try await selectOrganisation(found, request)
            if scope.impersonator != nil { try await refusals.noteChange(by: scope, at: request) }
            request.context.set(scope)
            request.context.accountName = scope.person.text
            return scope
        }
        throw Problem(.missingAuthorization, headers: ["WWW-Authenticate": "Bearer"])
    }

    /// The scope in the organisation of the `X-Organisation` header, or else of the credential.
    /// - Throws: `not-a-member` where the person does not belong to it.
    private func selectOrganisation(_ scope: Scope, _ request: Request) async throws(Problem) -> Scope {
        let named = request.headers.value(of: .organisation)
        let wanted = named.flatMap { ID<Organisation>($0) }
        guard named == nil || wanted != nil else { throw Problem(.notAMember) }
        if case .key = scope.credential {
            // The reader of API keys has checked the membership; a key is valid in its own organisation alone.
            guard wanted == nil || wanted == scope.organisation else {
                throw Problem(.notAMember, detail: "An API key acts in its own organisation alone.")
            }
            return scope
        }
        let organisation = wanted ?? scope.organisation
        // The reason of an impersonation is that of one account's organisation, as in `switch-organisation`.
        guard scope.impersonator == nil || organisation == scope.organisation else {
            try await refusals.note(scope, needing: Self.ownOrganisation, at: request)
            throw Problem(.notAMember, detail: "An impersonation cannot switch to another organisation.")
        }
        if try await memberships.role(of: scope.person, in: organisation) != nil {
            return scope.moved(to: organisation)
        }
        // A token for an organisation that the person has left counts as expired: a refresh issues one for their own.
        throw organisation == scope.organisation
            ? Problem(.tokenExpired, headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
            : Problem(.notAMember)
    }

    /// What an impersonation needs, in the audit trail.
    static let ownOrganisation = "the organisation of the account"

    /// - Returns: nil where this route admits the credential.
    func refusal(of scope: Scope) -> Problem? {
        guard case .key(_, let scopes) = scope.credential else { return nil }
        guard let keyScope else { return Problem(.insufficientScope, detail: "This is not open to API keys: sign in.") }
        guard !scopes.contains(keyScope) else { return nil }
        return Problem(
            .insufficientScope, detail: "The key lacks the scope \(keyScope.name).",
            members: ["scope": .string(keyScope.name)])
    }
}

extension Problem.Kind {
    package static let notAMember = Self("not-a-member", "You do not belong to this organisation", status: 403)
    package static let insufficientScope = Self("insufficient-scope", "The API key does not allow this", status: 403)
}
