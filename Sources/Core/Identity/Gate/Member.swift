import HTTPTypes
package import Modules

/// Somebody with an account, however they show it: a bearer token, a browser's cookie, an API key. API keys are refused unless the route says which scope opens it to them.
package struct Member: Requirement {
    /// Asked in this order; the first that finds a credential of its kind decides.
    let readers: [any CredentialReader]
    let memberships: MembershipService
    let refusals: GateRefusals
    /// The scope that opens this door to API keys; nil keeps it closed to them.
    private(set) var keyScope: KeyScope?

    init(readers: [any CredentialReader], memberships: MembershipService, refusals: GateRefusals) {
        self.readers = readers
        self.memberships = memberships
        self.refusals = refusals
    }

    /// The same requirement, also met by an API key that has `scope`.
    package func allowing(_ scope: KeyScope) -> Member {
        var member = self
        member.keyScope = scope
        return member
    }

    package var phase: RequestPhase { .identity }
    package var problems: [Problem.Kind] {
        [.missingAuthorization] + readers.flatMap(\.problems) + [.insufficientScope, .notAMember]
    }
    package var summary: RequirementSummary { RequirementSummary(.member, keyScope: keyScope) }

    package func check(_ call: Request) async throws(Problem) -> Scope {
        let scope = try await scope(of: call)
        if let refusal = refusal(of: scope) {
            try await refusals.note(scope, needing: keyScope.map { "scope \($0.name)" } ?? "a session", at: call)
            throw refusal
        }
        return scope
    }

    /// Who is calling, whether or not this door is open to their credential: for requirements that come after the one that said who may pass.
    /// - Throws: what the readers throw; `missing-authorization`.
    package func scope(of call: Request) async throws(Problem) -> Scope {
        if let known = call.context.value(of: Scope.self) { return known }
        // Whoever says two things about who they are, such as behind a proxy that adds a token, might take from somebody else's limits.
        guard !call.headers.contains(.authorization) || !call.headers.contains(.apiKey) else {
            let details: JSONValue = "there are two credentials: send Authorization or X-API-Key"
            throw Problem(.authenticationFailed, members: ["details": details], headers: ["WWW-Authenticate": "Bearer"])
        }
        for reader in readers {
            guard let found = try await reader.scope(of: call) else { continue }
            let scope = try await placed(found, call)
            call.context.set(scope)
            call.context.accountName = scope.person.text
            return scope
        }
        throw Problem(.missingAuthorization, headers: ["WWW-Authenticate": "Bearer"])
    }

    /// The scope in the organisation that the call names in `X-Organisation`, or else in that of its credential; whoever it is must belong to it.
    private func placed(_ scope: Scope, _ call: Request) async throws(Problem) -> Scope {
        let named = call.headers.value(of: .organisation)
        let wanted = named.flatMap { ID<Organisation>($0) }
        guard named == nil || wanted != nil else { throw Problem(.notAMember) }
        if case .key = scope.credential {
            // The reader of keys has looked at the membership; a key acts nowhere but in its own organisation.
            guard wanted == nil || wanted == scope.organisation else {
                throw Problem(.notAMember, detail: "An API key acts in its own organisation alone.")
            }
            return scope
        }
        let organisation = wanted ?? scope.organisation
        if try await memberships.role(of: scope.person, in: organisation) != nil {
            return scope.moved(to: organisation)
        }
        // A token for an organisation that its bearer has left is over; refreshing gives one for their own.
        throw organisation == scope.organisation
            ? Problem(.tokenExpired, headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
            : Problem(.notAMember)
    }

    /// - Returns: nil where the door is open to the caller's credential.
    func refusal(of scope: Scope) -> Problem? {
        guard case .key(_, let scopes) = scope.credential else { return nil }
        guard let keyScope else { return Problem(.insufficientScope, detail: "This is not open to API keys: sign in.") }
        guard !scopes.contains(keyScope) else { return nil }
        return Problem(
            .insufficientScope, detail: "The key lacks the scope \(keyScope.name).",
            members: ["scope": .string(keyScope.name)])
    }
}

/// Somebody signed in who has one of the roles; administrators have them all.
package struct RoleRequirement: Requirement {
    let member: Member
    let roles: [Role]

    package var phase: RequestPhase { .account }
    package var problems: [Problem.Kind] { member.problems + [.insufficientRole] }
    package var summary: RequirementSummary {
        RequirementSummary(.role, roles.map(\.rawValue).joined(separator: "|"), keyScope: member.keyScope)
    }

    /// The same requirement, also met by an API key that has `scope`.
    package func allowing(_ scope: KeyScope) -> RoleRequirement {
        RoleRequirement(member: member.allowing(scope), roles: roles)
    }

    package func check(_ call: Request) async throws(Problem) -> Scope {
        let scope = try await member.check(call)
        guard roles.contains(scope.role) || scope.role == .admin else {
            try await member.refusals.note(scope, needing: roles.map(\.rawValue).joined(separator: "|"), at: call)
            throw Problem(
                .insufficientRole, detail: "This needs the role \(roles.map(\.rawValue).joined(separator: " or ")).")
        }
        return scope
    }
}

extension Problem.Kind {
    package static let insufficientRole = Self("insufficient-role", "Your role does not allow this", status: 403)
    package static let notAMember = Self("not-a-member", "You do not belong to this organisation", status: 403)
    package static let insufficientScope = Self("insufficient-scope", "The API key does not allow this", status: 403)
}
