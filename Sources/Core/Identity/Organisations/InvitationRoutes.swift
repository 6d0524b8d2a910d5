import Modules

/// Invitations to an organisation.
struct InvitationRoutes {
    let invitations: InvitationService
    let member: Member
    let verified: VerifiedRequirement

    var routes: [Route] {
        [
            .post(
                "organisations/{id}/invitations", "Send an invitation by e-mail", requires: ownerOrAdmin.inPerson,
                verified, .path("id", of: Organisation.self),
                problems: [.alreadyAMember, .tooManyInvitations] + Confirmation.problems
            ) { [invitations] (payload: InvitationRequest, scope, _, _) in
                Created(try await invitations.send(payload, scope: scope))
            },
            .get(
                "organisations/{id}/invitations", "List the open invitations, newest first", requires: ownerOrAdmin,
                .path("id", of: Organisation.self)
            ) { [invitations] scope, _ in try await invitations.list(scope) },
            .delete(
                "organisations/{id}/invitations/{invitation}", "Revoke an invitation",
                requires: ownerOrAdmin.inPerson, .path("id", of: Organisation.self),
                .path("invitation", of: Invitation.self)
            ) { [invitations] scope, _, invitation in
                try await invitations.revoke(invitation, scope: scope)
                return NoContent()
            },
            .get(
                "accept-invitation", "Page that the link of an invitation opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.acceptInvitation(token: token ?? "")
            },
            .post(
                "invitations/acceptance", "Accept an invitation to your verified address", requires: member.inPerson,
                problems: [
                    .invitationNotFound, .invitationForAnother, .alreadyAMember, .tooManyOrganisations,
                    .organisationFull,
                ]
            ) { [invitations] (payload: InvitationAcceptance, scope) in
                try await invitations.accept(payload, scope: scope)
            },
        ]
    }

    private var ownerOrAdmin: OrganisationRoleRequirement {
        OrganisationRoleRequirement(member: member, roles: [.owner, .admin], parameter: "id")
    }
}
