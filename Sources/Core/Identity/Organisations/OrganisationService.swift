import Audit
import Mail
package import Modules
import Secrets

/// Manages organisations and their members. The gate has checked the caller's membership of the scope's organisation;
/// the caller and the role are checked again in the transaction, under the organisation's lock, so that a concurrent
/// change of them takes effect.
final class OrganisationService: Sendable {
    private let database: any Database
    private let tokens: TokenIssuer
    private let browserSessions: BrowserSessionService
    private let memberships: MembershipService
    private let keyCache: APIKeyCache
    private let confirmation: Confirmation
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, tokens: TokenIssuer, browserSessions: BrowserSessionService,
        memberships: MembershipService, keyCache: APIKeyCache, confirmation: Confirmation,
        events: IdentityEvents, audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.tokens = tokens
        self.browserSessions = browserSessions
        self.memberships = memberships
        self.keyCache = keyCache
        self.confirmation = confirmation
        self.events = events
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    /// - Throws: `validation-failed` for the name; `too-many-organisations`.
    func create(_ payload: OrganisationRequest, scope: Scope) async throws(Problem) -> OrganisationView {
        let name = try Self.name(payload.name)
        let id: ID<Organisation> = runtime.id()
        let created = try await database.write { [audit] transaction -> OrganisationView in
            try transaction.requireCaller(scope)
            guard try transaction.insertOrganisation(id, name: name, owner: scope.person),
                let organisation = try transaction.organisation(id, for: scope.person)
            else { throw Problem(.tooManyOrganisations) }
            try audit.record(
                AuditEvent("organisation.created", by: scope.moved(to: id), subject: id.text), in: transaction)
            return organisation
        }
        memberships.invalidate()
        return created
    }

    func list(_ scope: Scope) async throws(Problem) -> OrganisationList {
        try await database.read { OrganisationList(organisations: try $0.organisations(of: scope.person)) }
    }

    func show(_ scope: Scope) async throws(Problem) -> OrganisationView {
        try await database.read { transaction in
            guard let organisation = try transaction.organisation(scope.organisation, for: scope.person) else {
                throw Problem(.notFound)
            }
            return organisation
        }
    }

    func rename(_ payload: OrganisationRequest, scope: Scope) async throws(Problem) -> OrganisationView {
        let name = try Self.name(payload.name)
        return try await database.write { [audit] transaction in
            _ = try transaction.authority(of: scope, [.owner, .admin])
            try transaction.rename(scope.organisation, to: name)
            try audit.record(
                AuditEvent(
                    "organisation.renamed", by: scope, subject: scope.organisation.text, details: ["name": name.text]),
                in: transaction)
            guard let organisation = try transaction.organisation(scope.organisation, for: scope.person) else {
                throw Problem(.notFound)
            }
            return organisation
        }
    }

    /// - Throws: `organisation-in-use` for a personal organisation, one with other members, and one with data.
    func delete(_ scope: Scope) async throws(Problem) {
        let inUse = Problem(
            .organisationInUse, detail: "Only an organisation without other members and without data can be deleted.")
        let failure = await problem {
            try await database.write { [audit, events] transaction in
                _ = try transaction.authority(of: scope, [.owner])
                guard try !events.hasData(scope.organisation, in: transaction) else { throw inUse }
                guard try transaction.deleteOrganisation(scope.organisation, owner: scope.person) else { throw inUse }
                try audit.record(
                    AuditEvent("organisation.deleted", by: scope, subject: scope.organisation.text), in: transaction)
            }
        }
        if let failure { throw (failure.cause as? StorageError)?.kind == .reference ? inUse : failure }
        browserSessions.invalidate()
        memberships.invalidate()
        keyCache.owners.invalidateAll()
    }

    func members(_ scope: Scope, limit: Int, offset: Int) async throws(Problem) -> MemberPage {
        try await database.read { transaction in
            MemberPage(
                members: try transaction.members(of: scope.organisation, limit: limit, offset: offset),
                total: try transaction.countMembers(of: scope.organisation),
                limit: limit,
                offset: offset
            )
        }
    }

    /// Changes a member's role; for owners only. A role that administers the organisation outlasts the session that
    /// gives it, so that the caller is authenticated again and the owners are notified by mail.
    /// - Throws: `not-found` for a person who is not a member; `last-owner`; what ``Confirmation`` throws.
    func setRole(
        of person: ID<Person>, to payload: MemberRoleRequest, scope: Scope
    ) async throws(Problem) -> MemberRoleChange {
        let role = payload.role
        let previous = try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode),
            demanding: role == .member ? .session : .passwordOrCode, by: scope, for: "membership.changed"
        ) { [audit, mailer] _, transaction -> OrganisationRole in
            _ = try transaction.authority(of: scope, [.owner])
            guard let member = try transaction.membership(of: person, in: scope.organisation) else {
                throw Problem(.notFound)
            }
            guard try transaction.setRole(of: person, in: scope.organisation, to: role) else {
                throw Self.lastOwner(member)
            }
            try audit.record(
                AuditEvent(
                    "membership.changed", by: scope, subject: person.text,
                    details: ["from": member.role.rawValue, "to": role.rawValue]),
                in: transaction
            )
            if role != .member, role != member.role, let contact = try Contact.of(person, in: transaction) {
                try mailer.notifyOwners(ofAccessFor: contact.email, as: role, by: scope, in: transaction)
            }
            return member.role
        }
        memberships.invalidate()
        return MemberRoleChange(userId: person, role: role, previousRole: previous)
    }

    /// Removes a member. Their sessions return to their personal organisation; their keys of this one and the
    /// invitations that they sent are revoked.
    /// - Throws: `not-found`; `insufficient-role` when an admin removes an owner or another admin; `last-owner`.
    func remove(_ person: ID<Person>, scope: Scope) async throws(Problem) {
        try await end(person, scope, allowed: person == scope.person ? OrganisationRole.allCases : [.owner, .admin])
    }

    /// Ends the caller's own membership.
    /// - Throws: `last-owner`, also for the personal organisation.
    func leave(_ scope: Scope) async throws(Problem) {
        try await end(scope.person, scope, allowed: OrganisationRole.allCases)
    }

    private func end(_ person: ID<Person>, _ scope: Scope, allowed: [OrganisationRole]) async throws(Problem) {
        try await database.write { [events, audit] transaction in
            let role = try transaction.authority(of: scope, allowed)
            guard let member = try transaction.membership(of: person, in: scope.organisation) else {
                throw Problem(.notFound)
            }
            guard person == scope.person || role.mayManage(member.role) else {
                throw Problem(.insufficientRole, detail: "Only an owner can remove an owner or an admin.")
            }
            guard try transaction.deleteMember(person, of: scope.organisation) else { throw Self.lastOwner(member) }
            try transaction.returnSessions(of: person, from: scope.organisation)
            try transaction.revokeKeys(of: person, in: scope.organisation, because: "left the organisation")
            try transaction.revokeInvitations(by: person, in: scope.organisation)
            try audit.record(
                AuditEvent(
                    person == scope.person ? "membership.left" : "membership.removed", by: scope, subject: person.text),
                in: transaction)
            try events.memberRemoved(person, from: scope.organisation, in: transaction)
        }
        browserSessions.invalidate()
        memberships.invalidate()
        keyCache.owners.invalidateAll()
    }

    /// Moves the caller's session to another of their organisations.
    /// - Throws: `not-a-member`; `insufficient-role` for an impersonation; `token-expired`.
    func move(to organisation: ID<Organisation>, scope: Scope) async throws(Problem) -> OrganisationSwitch {
        guard scope.impersonator == nil else {
            try await database.write { [audit] in
                try audit.record(
                    AuditEvent(
                        "session.moved", outcome: .refused, by: scope, subject: scope.session?.text,
                        details: ["to": organisation.text]), in: $0)
            }
            throw Problem(.insufficientRole, detail: "An impersonation cannot switch to another organisation.")
        }
        guard let session = scope.session else { throw Problem(.insufficientScope) }
        let person = try await database.write { [audit] transaction -> Person in
            let person = try transaction.requireCaller(scope)
            guard try transaction.lock(organisation),
                try transaction.membership(of: scope.person, in: organisation) != nil
            else { throw Problem(.notAMember) }
            guard try transaction.moveSession(session, of: scope.person, to: organisation) else {
                throw Problem(.tokenExpired)
            }
            try audit.record(
                AuditEvent("session.moved", by: scope.moved(to: organisation), subject: session.text), in: transaction)
            return person
        }
        browserSessions.invalidate()
        let csrf = Base64URL.encode(runtime.randomBytes(24))
        let token = try await tokens.issue(person: person, session: session, organisation: organisation, csrf: csrf)
        return OrganisationSwitch(
            accessToken: token, expiresIn: Int(tokens.lifetime.inSeconds), csrfToken: csrf, organisationId: organisation
        )
    }

    private static func lastOwner(_ member: Membership) -> Problem {
        Problem(
            .lastOwner,
            detail: member.isPersonal
                ? "The owner of a personal organisation cannot leave it." : "Make another member an owner first.")
    }

    private static func name(_ given: String) throws(Problem) -> DisplayName {
        guard let name = DisplayName(given) else { throw Problem.invalid("/name", "must be readable text") }
        guard !WebAddresses.occur(in: name.text) else {
            throw Problem.invalid(
                "/name",
                "must not contain what reads as a web address (write a space after a full stop): e-mails carry it")
        }
        return name
    }

    private func problem(_ body: () async throws -> Void) async -> Problem? {
        do {
            try await body()
            return nil
        } catch { return Problem.wrapping(error) }
    }
}

extension Problem.Kind {
    package static let lastOwner = Self("last-owner", "An organisation must have an owner", status: 409)
    package static let tooManyOrganisations = Self(
        "too-many-organisations", "You have reached the limit of organisations", status: 409)
    package static let organisationInUse = Self("organisation-in-use", "This organisation is in use", status: 409)
}
