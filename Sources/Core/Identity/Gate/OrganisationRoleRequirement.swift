package import Modules

/// A member of an organisation who has one of the roles in it: of the organisation that the call acts in, or of one that the path names.
///
/// The proof is a scope in that organisation. Of an organisation that a caller does not belong to nothing is said, not even that it exists.
package struct OrganisationRoleRequirement: Requirement {
    let member: Member
    let roles: [OrganisationRole]
    /// The name of the path's parameter; nil for the organisation that the call acts in.
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

    package func check(_ call: Request) async throws(Problem) -> Scope {
        let scope = try await member.check(call)
        let organisation = try named(by: call, scope)
        guard let role = try await member.memberships.role(of: scope.person, in: organisation) else {
            throw Problem(.notFound)
        }
        guard roles.contains(role) else {
            let need = "organisation role \(roles.map(\.rawValue).joined(separator: "|"))"
            try await member.refusals.note(scope.moved(to: organisation), needing: need, at: call)
            throw Problem(
                .insufficientRole,
                detail: "This needs to be \(roles.map(\.rawValue).joined(separator: " or ")) of the organisation.")
        }
        return scope.moved(to: organisation)
    }

    /// Whether somebody who is let in anyway meets this, too: nobody is turned away, and nothing is written down.
    package func isMet(by call: Request) async throws(Problem) -> Bool {
        let scope = try await member.scope(of: call)
        guard member.refusal(of: scope) == nil,
            let role = try await member.memberships.role(of: scope.person, in: try named(by: call, scope))
        else {
            return false
        }
        return roles.contains(role)
    }

    private func named(by call: Request, _ scope: Scope) throws(Problem) -> ID<Organisation> {
        guard let parameter else { return scope.organisation }
        guard let id = call.parameters[parameter].flatMap({ ID<Organisation>($0) }) else { throw Problem(.notFound) }
        if case .key = scope.credential, id != scope.organisation { throw Problem(.notFound) }
        return id
    }
}
