import Modules

extension IdentityModule {
    /// Organisations, who belongs to them, and which of them one acts in.
    var organisationRoutes: [Route] { ownOrganisationRoutes + memberRoutes + invitationRoutes }

    private var ownOrganisationRoutes: [Route] {
        [
            .post(
                "organisations", "Make an organisation and own it", requires: member.inPerson,
                problems: [.tooManyOrganisations]
            ) {
                (request: NameOrganisation, scope) in Created(try await organisations.create(request, scope: scope))
            },
            .get("organisations", "The organisations that one belongs to", requires: member.allowing(.identityRead)) {
                scope in
                try await organisations.list(scope)
            },
            .get(
                "organisations/{id}", "An organisation", requires: organisation(at: "id").allowing(.identityRead),
                .path("id", of: Organisation.self)
            ) { scope, _ in try await organisations.show(scope) },
            .put(
                "organisations/{id}", "Rename an organisation",
                requires: organisation(.owner, .admin, at: "id").inPerson, .path("id", of: Organisation.self)
            ) { (request: NameOrganisation, scope, _) in try await organisations.rename(request, scope: scope) },
            .delete(
                "organisations/{id}", "Delete an organisation that is empty",
                requires: organisation(.owner, at: "id").inPerson, .path("id", of: Organisation.self),
                problems: [.organisationInUse]
            ) { scope, _ in
                try await organisations.delete(scope)
                return NoContent()
            },
            .post(
                "auth/switch-organisation", "Act in another organisation from now on", requires: member,
                problems: [.insufficientRole]
            ) {
                (request: SwitchOrganisation, scope) in
                try await organisations.move(to: request.organisationId, scope: scope)
            },
        ]
    }

    private var memberRoutes: [Route] {
        [
            .get(
                "organisations/{id}/members", "Who belongs to an organisation, first come first",
                requires: organisation(at: "id").allowing(.identityRead), .path("id", of: Organisation.self),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { scope, _, limit, offset in try await organisations.members(scope, limit: limit, offset: offset) },
            .delete(
                "organisations/{id}/members/me", "Leave an organisation",
                requires: organisation(at: "id").inPerson, .path("id", of: Organisation.self),
                problems: [.lastOwner]
            ) { scope, _ in
                try await organisations.leave(scope)
                return NoContent()
            },
            .put(
                "organisations/{id}/members/{user_id}", "Make a member owner, admin or member",
                requires: organisation(.owner, at: "id").inPerson, .path("id", of: Organisation.self),
                .path("user_id", of: Person.self),
                problems: [.lastOwner]
            ) { (request: ChangeMember, scope, _, person) in
                try await organisations.setRole(of: person, to: request.role, scope: scope)
            },
            .delete(
                "organisations/{id}/members/{user_id}", "Take a member out of an organisation",
                requires: organisation(.owner, .admin, at: "id").inPerson, .path("id", of: Organisation.self),
                .path("user_id", of: Person.self),
                problems: [.lastOwner]
            ) { scope, _, person in
                try await organisations.remove(person, scope: scope)
                return NoContent()
            },
        ]
    }

    private var invitationRoutes: [Route] {
        [
            .post(
                "organisations/{id}/invitations", "Invite somebody by mail",
                requires: organisation(.owner, .admin, at: "id").inPerson, .path("id", of: Organisation.self),
                problems: [.alreadyAMember, .tooManyInvitations]
            ) { (request: Invite, scope, _) in Created(try await invitations.send(request, scope: scope)) },
            .get(
                "organisations/{id}/invitations", "The invitations that are open, latest first",
                requires: organisation(.owner, .admin, at: "id"), .path("id", of: Organisation.self)
            ) { scope, _ in try await invitations.list(scope) },
            .delete(
                "organisations/{id}/invitations/{invitation}", "Take an invitation back",
                requires: organisation(.owner, .admin, at: "id").inPerson, .path("id", of: Organisation.self),
                .path("invitation", of: Invitation.self)
            ) { scope, _, invitation in
                try await invitations.revoke(invitation, scope: scope)
                return NoContent()
            },
            .get(
                "accept-invitation", "The page that the link of an invitation opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.acceptInvitation(token: token ?? "")
            },
            .post(
                "invitations/acceptance", "Accept an invitation to one's own address", requires: member.inPerson,
                problems: [
                    .invitationNotFound, .invitationForAnother, .alreadyAMember, .tooManyOrganisations,
                    .organisationFull,
                ]
            ) { (request: AcceptInvitation, scope) in try await invitations.accept(request, scope: scope) },
        ]
    }
}
