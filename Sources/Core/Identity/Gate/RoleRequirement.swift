package import Modules

/// The requirement of one of several account roles; administrators meet every one.
package struct RoleRequirement: Requirement {
    package let member: Member
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

    package func check(_ request: Request) async throws(Problem) -> Scope {
        let scope = try await member.check(request)
        guard roles.contains(scope.role) || scope.role == .admin else {
            try await member.refusals.note(scope, needing: roles.map(\.rawValue).joined(separator: "|"), at: request)
            throw Problem(
                .insufficientRole, detail: "This needs the role \(roles.map(\.rawValue).joined(separator: " or ")).")
        }
        return scope
    }
}

extension Problem.Kind {
    package static let insufficientRole = Self("insufficient-role", "Your role does not allow this", status: 403)
}
