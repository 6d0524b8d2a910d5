import Modules

/// Organisations, their members, and the organisation of the session.
struct OrganisationRoutes {
    let organisations: OrganisationService
    let member: Member
    let verified: VerifiedRequirement

    var routes: [Route] { organisationRoutes + memberRoutes }

    private var organisationRoutes: [Route] {
        [
            .post(
                "organisations", "Create an organisation", requires: member.inPerson, verified,
                problems: [.tooManyOrganisations]
            ) { [organisations] (payload: OrganisationRequest, scope, _) in
                Created(try await organisations.create(payload, scope: scope))
            },
            .get("organisations", "List your organisations", requires: member.allowing(.identityRead)) {
                [organisations] scope in
                try await organisations.list(scope)
            },
            .get(
                "organisations/{id}", "Get an organisation", requires: anyMember.allowing(.identityRead),
                .path("id", of: Organisation.self)
            ) { [organisations] scope, _ in try await organisations.show(scope) },
            .put(
                "organisations/{id}", "Rename an organisation", requires: ownerOrAdmin.inPerson,
                .path("id", of: Organisation.self)
            ) { [organisations] (payload: OrganisationRequest, scope, _) in
                try await organisations.rename(payload, scope: scope)
            },
            .delete(
                "organisations/{id}", "Delete an empty organisation", requires: owner.inPerson,
                .path("id", of: Organisation.self), problems: [.organisationInUse]
            ) { [organisations] scope, _ in
                try await organisations.delete(scope)
                return NoContent()
            },
            .post(
                "auth/switch-organisation", "Switch the session to another organisation", requires: member,
                problems: [.insufficientRole]
            ) { [organisations] (payload: OrganisationSwitchRequest, scope) in
                try await organisations.move(to: payload.organisationId, scope: scope)
            },
        ]
    }

    private var memberRoutes: [Route] {
        [
            .get(
                "organisations/{id}/members", "List the members of an organisation, oldest membership first",
                requires: anyMember.allowing(.identityRead), .path("id", of: Organisation.self),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [organisations] scope, _, limit, offset in
                try await organisations.members(scope, limit: limit, offset: offset)
            },
            .delete(
                "organisations/{id}/members/me", "Leave an organisation", requires: anyMember.inPerson,
                .path("id", of: Organisation.self), problems: [.lastOwner]
            ) { [organisations] scope, _ in
                try await organisations.leave(scope)
                return NoContent()
            },
            .put(
                "organisations/{id}/members/{user_id}", "Change the role of a member", requires: owner.inPerson,
                .path("id", of: Organisation.self), .path("user_id", of: Person.self),
                problems: [.lastOwner] + Confirmation.problems
            ) { [organisations] (payload: MemberRoleRequest, scope, _, person) in
                try await organisations.setRole(of: person, to: payload, scope: scope)
            },
            .delete(
                "organisations/{id}/members/{user_id}", "Remove a member from an organisation",
                requires: ownerOrAdmin.inPerson, .path("id", of: Organisation.self),
                .path("user_id", of: Person.self), problems: [.lastOwner]
            ) { [organisations] scope, _, person in
                try await organisations.remove(person, scope: scope)
                return NoContent()
            },
        ]
    }

    private var anyMember: OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member, roles: OrganisationRole.allCases, parameter: "id")
    }
    private var ownerOrAdmin: OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member, roles: [.owner, .admin], parameter: "id")
    }
    private var owner: OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member, roles: [.owner], parameter: "id")
    }
}
