package import Modules

/// The requirement of one of several roles in an organisation: in that of the request's scope, or in one that the path
/// names.
///
/// It yields a scope in that organisation. For an organisation of which the person is no member the answer is 404, as
/// for one that does not exist.
package struct OrganisationRoleRequirement: Requirement {
    package let member: Member
    let roles: [OrganisationRole]
    /// The path parameter that holds the organisation's id; nil for the organisation of the request's scope.
    let parameter: String?

    package var phase: RequestPhase { .account }
    package var problems: [Problem.Kind] {
        member.problems + [.insufficientRole] + (parameter == nil ? [] : [.notFound])
    }
    package var summary: RequirementSummary {
        RequirementSummary(.organisationRole, roles.map(\.rawValue).joined(separator: "|"), keyScope: member.keyScope)
    }

    /// The same requirement, also met by an API key that has `scope`, in the key's own organisation.
    package func allowing(_ scope: KeyScope) -> OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member.allowing(scope), roles: roles, parameter: parameter)
    }

    package func check(_ request: Request) async throws(Problem) -> Scope {
        let scope = try await member.check(request)
        let organisation = try organisation(of: request, scope)
        guard scope.impersonator == nil || organisation == scope.organisation else {
            try await member.refusals.note(scope, needing: Member.ownOrganisation, at: request)
            throw Problem(.insufficientRole, detail: "An impersonation cannot act in another organisation.")
        }
        guard let role = try await member.memberships.role(of: scope.person, in: organisation) else {
            throw Problem(.notFound)
        }
        guard roles.contains(role) else {
            let need = "organisation role \(roles.map(\.rawValue).joined(separator: "|"))"
            try await member.refusals.note(scope.moved(to: organisation), needing: need, at: request)
            throw Problem(
                .insufficientRole,
                detail: "This needs to be \(roles.map(\.rawValue).joined(separator: " or ")) of the organisation.")
        }
        return scope.moved(to: organisation)
    }

    /// Whether a request that other requirements have admitted also meets this one. A refusal is not recorded.
    package func isMet(by request: Request) async throws(Problem) -> Bool {
        let scope = try await member.scope(of: request)
        let organisation = try organisation(of: request, scope)
        guard member.refusal(of: scope) == nil, scope.impersonator == nil || organisation == scope.organisation,
            let role = try await member.memberships.role(of: scope.person, in: organisation)
        else {
            return false
        }
        return roles.contains(role)
    }

    private func organisation(of request: Request, _ scope: Scope) throws(Problem) -> ID<Organisation> {
        guard let parameter else { return scope.organisation }
        guard let id = request.parameters[parameter].flatMap({ ID<Organisation>($0) }) else { throw Problem(.notFound) }
        if case .key = scope.credential, id != scope.organisation { throw Problem(.notFound) }
        return id
    }
}
