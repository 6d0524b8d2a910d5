import Audit
import Mail
package import Modules
import Secrets

/// The verbs of invitations: send, list, take back, accept.
struct InvitationService: Sendable {
    let database: any Database
    let memberships: MembershipService
    let audit: AuditService
    let mailer: Mailer
    /// Where the page lies that the link in the mail opens.
    let frontend: String
    let runtime: Runtime

    /// Offers a place in the organisation; an open offer to the same address is taken back.
    /// - Throws: `validation-failed` for the address; `insufficient-role` where an admin offers more than `member`; `already-a-member`;
    ///   `too-many-invitations`.
    func send(_ request: Invite, scope: Scope) async throws(Problem) -> InvitationView {
        guard let email = EmailAddress(request.email) else {
            throw Problem.invalid("/email", "is not an e-mail address")
        }
        let role = request.role ?? .member
        let id: ID<Invitation> = runtime.id()
        let token = Base64URL.encode(runtime.randomBytes(32))
        return try await database.write { [audit, mailer] transaction in
            let own = try transaction.authority(of: scope, [.owner, .admin])
            guard own.mayManage(role) else {
                throw Problem(.insufficientRole, detail: "Only an owner invites somebody to be \(role.rawValue).")
            }
            guard try !transaction.hasMember(withAddress: email.key, in: scope.organisation) else {
                throw Problem(.alreadyAMember)
            }
            let sent = try transaction.countInvitations(of: scope.organisation, since: transaction.now - .days(1))
            guard sent < OrganisationLimits.invitationsPerDay else {
                throw Problem(.tooManyInvitations, headers: ["Retry-After": "3600"])
            }
            let invitation = Invitation(
                id: id,
                organisation: scope.organisation,
                email: email.text,
                emailKey: email.key,
                role: role,
                inviter: scope.person,
                createdAt: transaction.now,
                expiresAt: transaction.now + Invitation.lifetime
            )
            try transaction.insert(invitation, tokenHash: Invitation.hash(of: token))
            try mailer.send(try letter(for: invitation, token, scope, in: transaction), in: transaction)
            try audit.record(
                AuditEvent("invitation.sent", by: scope, subject: id.text, details: ["role": role.rawValue]),
                in: transaction)
            return InvitationView(invitation)
        }
    }

    private func letter(for invitation: Invitation, _ token: String, _ scope: Scope, in transaction: Transaction) throws
        -> Email
    {
        guard let inviter = try transaction.person(scope.person),
            let organisation = try transaction.nameOfOrganisation(scope.organisation)
        else {
            throw Problem(.notFound)
        }
        return Email(
            "invitation",
            to: invitation.email,
            values: [
                "inviter": inviter.displayName, "organisation": organisation,
                "link": "\(frontend)/accept-invitation?token=\(token)",
                "expires": invitation.expiresAt.description,
            ]
        )
    }

    /// The invitations that can still be accepted, latest first.
    func list(_ scope: Scope) async throws(Problem) -> InvitationList {
        try await database.read {
            InvitationList(invitations: try $0.openInvitations(of: scope.organisation).map(InvitationView.init))
        }
    }

    /// - Throws: `not-found` for one that is not open.
    func revoke(_ id: ID<Invitation>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            _ = try transaction.authority(of: scope, [.owner, .admin])
            guard try transaction.revoke(id, of: scope.organisation) else { throw Problem(.notFound) }
            try audit.record(AuditEvent("invitation.revoked", by: scope, subject: id.text), in: transaction)
        }
    }

    /// Takes the place that was offered. Who does must have proved the address that it was offered to, and whoever offered it must still be
    /// somebody who may.
    /// - Throws: `invitation-not-found` for a token that is wrong, used, taken back or expired; `invitation-for-another`; `already-a-member`;
    ///   `too-many-organisations`; `organisation-full`.
    func accept(_ request: AcceptInvitation, scope: Scope) async throws(Problem) -> OrganisationView {
        let outcome = try await database.write { [audit] transaction -> Result<OrganisationView, Problem> in
            guard let invitation = try transaction.openInvitation(tokenHash: Invitation.hash(of: request.token)),
                try transaction.lock(invitation.organisation)
            else { return .failure(Problem(.invitationNotFound)) }
            let place = scope.moved(to: invitation.organisation)
            guard try transaction.provedAddressKey(of: scope.person) == invitation.emailKey else {
                // Somebody else holds the link: that is worth a row of its own.
                try audit.record(
                    AuditEvent("invitation.accepted", outcome: .refused, by: place, subject: invitation.id.text),
                    in: transaction)
                return .failure(
                    Problem(
                        .invitationForAnother,
                        detail: "Sign in with the address that it was sent to, once you have proved that it is yours."))
            }
            guard let inviter = try transaction.membership(of: invitation.inviter, in: invitation.organisation),
                inviter.role.mayManage(invitation.role)
            else {
                return .failure(Problem(.invitationNotFound))
            }
            guard try transaction.hasRoomForAnotherOrganisation(scope.person) else {
                return .failure(Problem(.tooManyOrganisations))
            }
            guard try transaction.countMembers(of: invitation.organisation) < OrganisationLimits.members else {
                return .failure(Problem(.organisationFull))
            }
            guard try transaction.accept(invitation.id, by: scope.person) else {
                return .failure(Problem(.invitationNotFound))
            }
            guard try transaction.insertMember(scope.person, of: invitation.organisation, role: invitation.role),
                let organisation = try transaction.organisation(invitation.organisation, for: scope.person)
            else { throw Problem(.alreadyAMember) }
            try audit.record(
                AuditEvent(
                    "invitation.accepted", by: place, subject: invitation.id.text,
                    details: ["role": invitation.role.rawValue]), in: transaction)
            return .success(organisation)
        }
        memberships.forget()
        switch outcome {
        case .success(let organisation): return organisation
        case .failure(let problem): throw problem
        }
    }
}

extension Problem.Kind {
    package static let alreadyAMember = Self(
        "already-a-member", "This person belongs to the organisation already", status: 409)
    package static let tooManyInvitations = Self(
        "too-many-invitations", "This organisation has sent enough invitations for today", status: 429)
    package static let invitationNotFound = Self(
        "invitation-not-found", "There is no such invitation any more", status: 404)
    package static let invitationForAnother = Self(
        "invitation-for-another", "This invitation is for another address", status: 403)
    package static let organisationFull = Self(
        "organisation-full", "This organisation takes no more members", status: 409)
}
