import Modules

/// Impersonation of accounts by administrators.
struct ImpersonationRoutes {
    let impersonations: ImpersonationService
    let member: Member

    private var administrator: RoleRequirement { RoleRequirement(member: member, roles: [.admin]) }

    var routes: [Route] {
        [
            .post(
                "auth/users/{id}/impersonation", "Impersonate an account for one hour", requires: administrator,
                .path("id", of: Person.self),
                problems: [.notFound, .impersonationNotAllowed] + Confirmation.problems
            ) { [impersonations] (payload: ImpersonationRequest, scope, id) in
                do throws(Problem) {
                    return Created(try await impersonations.begin(of: id, payload, by: scope))
                } catch {
                    if error.kind == .impersonationNotAllowed {
                        try await impersonations.recordRefusal(of: id, by: scope)
                    }
                    throw error
                }
            },
            .delete(
                "auth/users/{id}/impersonation", "End every impersonation of an account", requires: administrator,
                .path("id", of: Person.self), problems: [.notFound]
            ) { [impersonations] scope, id in try await impersonations.end(of: id, by: scope) },
        ]
    }
}
