import Audit
import Mail
package import Modules
import Secrets

/// Sends, lists, revokes and accepts invitations.
final class InvitationService: Sendable {
    private let database: any Database
    private let memberships: MembershipService
    private let confirmation: Confirmation
    private let audit: AuditService
    private let mailer: Mailer
    private let frontend: String
    private let runtime: Runtime

    /// - Parameter frontend: the base URL of the page that the link in the e-mail opens, without a slash at its end.
    init(
        database: any Database, memberships: MembershipService, confirmation: Confirmation, audit: AuditService,
        mailer: Mailer, frontend: String, runtime: Runtime
    ) {
        self.database = database
        self.memberships = memberships
        self.confirmation = confirmation
        self.audit = audit
        self.mailer = mailer
        self.frontend = frontend
        self.runtime = runtime
    }

    /// Sends an invitation and revokes an open one to the same address. A membership that administers the organisation,
    /// and any in a personal one, outlasts the session that offers it: the caller is authenticated again, and the
    /// owners are notified by mail.
    /// - Throws: `validation-failed` for the address; `insufficient-role` when an admin offers a role other than
    ///   `member`; `already-a-member`; `too-many-invitations`; what ``Confirmation`` throws.
    func send(_ payload: InvitationRequest, scope: Scope) async throws(Problem) -> InvitationView {
        guard let email = EmailAddress(payload.email) else {
            throw Problem.invalid("/email", "is not an e-mail address")
        }
        let role = payload.role ?? .member
        let id: ID<Invitation> = runtime.id()
        let token = Base64URL.encode(runtime.randomBytes(32))
        let isGrant = role == .member ? try await database.read { try $0.isPersonal(scope.organisation) } : true
        return try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode),
            demanding: isGrant ? .passwordOrCode : .session, by: scope, for: "invitation.sent"
        ) { [self] _, transaction in
            let own = try transaction.authority(of: scope, [.owner, .admin])
            guard own.mayManage(role) else {
                throw Problem(.insufficientRole, detail: "Only an owner can invite with the role \(role.rawValue).")
            }
            guard try !transaction.hasMember(withAddress: email.key, in: scope.organisation) else {
                throw Problem(.alreadyAMember)
            }
            try Self.requireWithinLimits(to: email, scope, in: transaction)
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
            try mailer.send(try self.email(for: invitation, token, scope, in: transaction), in: transaction)
            try audit.record(
                AuditEvent("invitation.sent", by: scope, subject: id.text, details: ["role": role.rawValue]),
                in: transaction)
            if isGrant { try mailer.notifyOwners(ofAccessFor: email.text, as: role, by: scope, in: transaction) }
            return InvitationView(invitation)
        }
    }

    /// - Throws: `too-many-invitations`, with the limit that is reached.
    private static func requireWithinLimits(to email: EmailAddress, _ scope: Scope, in transaction: Transaction) throws
    {
        // The lock serialises the invitations of a person in several organisations.
        guard try transaction.lockedPerson(scope.person) != nil else { throw Problem(.notFound) }
        // Invitations of other persons to the recipient wait too.
        let recipient = MailRecipient(of: email.key)
        try transaction.lock(recipient)
        let since = transaction.now - .days(1)
        let limits = [
            (
                "The organisation has sent", OrganisationLimits.invitationsPerDay,
                try transaction.countInvitations(of: scope.organisation, since: since)
            ),
            (
                "You have sent", OrganisationLimits.invitationsPerPersonAndDay,
                try transaction.countInvitations(by: scope.person, since: since)
            ),
            (
                "This address was sent", OrganisationLimits.invitationsPerRecipientAndDay,
                try transaction.countInvitations(to: recipient, since: since)
            ),
        ]
        for (subject, limit, sent) in limits where sent >= limit {
            throw Problem(
                .tooManyInvitations, detail: "\(subject) \(limit) invitations in 24 hours, which is the limit.",
                headers: ["Retry-After": "3600"])
        }
    }

    private func email(
        for invitation: Invitation, _ token: String, _ scope: Scope, in transaction: Transaction
    ) throws -> Email {
        guard let inviter = try transaction.person(scope.person),
            let organisation = try transaction.nameOfOrganisation(scope.organisation)
        else {
            throw Problem(.notFound)
        }
        return Email(
            "invitation",
            to: invitation.email,
            values: [
                "inviter": inviter.fullName ?? inviter.email, "organisation": organisation,
                "link": "\(frontend)/accept-invitation?token=\(token)",
                "expires": invitation.expiresAt.description,
            ]
        )
    }

    /// The open invitations, newest first.
    func list(_ scope: Scope) async throws(Problem) -> InvitationList {
        try await database.read {
            InvitationList(invitations: try $0.openInvitations(of: scope.organisation).map(InvitationView.init))
        }
    }

    /// - Throws: `not-found` for an invitation that is not open.
    func revoke(_ id: ID<Invitation>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            _ = try transaction.authority(of: scope, [.owner, .admin])
            guard try transaction.revoke(id, of: scope.organisation) else { throw Problem(.notFound) }
            try audit.record(AuditEvent("invitation.revoked", by: scope, subject: id.text), in: transaction)
        }
    }

    /// Makes the caller a member. The caller must have verified the invited address, and the inviter must still have an
    /// account in use and a role that may offer the invitation's role.
    /// - Throws: `invitation-not-found` for a token that is wrong, used, revoked or expired; `invitation-for-another`;
    ///   `already-a-member`; `too-many-organisations`; `organisation-full`.
    func accept(_ payload: InvitationAcceptance, scope: Scope) async throws(Problem) -> OrganisationView {
        // A refusal is returned instead of thrown so that its audit row is committed.
        let result = try await database.write { [audit] transaction -> Result<OrganisationView, Problem> in
            try transaction.requireCaller(scope)
            guard let invitation = try transaction.openInvitation(tokenHash: Invitation.hash(of: payload.token)),
                try transaction.lock(invitation.organisation)
            else { return .failure(Problem(.invitationNotFound)) }
            let invitedScope = scope.moved(to: invitation.organisation)
            guard try transaction.verifiedAddressKey(of: scope.person) == invitation.emailKey else {
                try audit.record(
                    AuditEvent("invitation.accepted", outcome: .refused, by: invitedScope, subject: invitation.id.text),
                    in: transaction)
                return .failure(
                    Problem(
                        .invitationForAnother,
                        detail: "Sign in with the address that the invitation was sent to, and verify that address."))
            }
            guard let inviter = try transaction.membership(of: invitation.inviter, in: invitation.organisation),
                inviter.role.mayManage(invitation.role),
                try transaction.person(invitation.inviter)?.isSuspended == false
            else {
                return .failure(Problem(.invitationNotFound))
            }
            guard try transaction.mayJoinAnotherOrganisation(scope.person) else {
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
                    "invitation.accepted", by: invitedScope, subject: invitation.id.text,
                    details: ["role": invitation.role.rawValue]), in: transaction)
            return .success(organisation)
        }
        memberships.invalidate()
        switch result {
        case .success(let organisation): return organisation
        case .failure(let problem): throw problem
        }
    }
}

extension Problem.Kind {
    package static let alreadyAMember = Self(
        "already-a-member", "This person is already a member of the organisation", status: 409)
    package static let tooManyInvitations = Self(
        "too-many-invitations", "Too many invitations were sent in 24 hours", status: 429)
    package static let invitationNotFound = Self(
        "invitation-not-found", "Invitation not found, or no longer open", status: 404)
    package static let invitationForAnother = Self(
        "invitation-for-another", "This invitation is for another e-mail address", status: 403)
    package static let organisationFull = Self(
        "organisation-full", "The organisation has reached its limit of members", status: 409)
}
