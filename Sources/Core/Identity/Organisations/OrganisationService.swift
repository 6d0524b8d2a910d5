import Audit
package import Modules
import Secrets

/// The verbs of organisations and of belonging to them. The gate has found the caller to belong to the scope's organisation; what a role
/// may do is looked at once more in the transaction, so that it holds against a change of that role at the same moment.
struct OrganisationService: Sendable {
    let database: any Database
    let tokens: TokenIssuer
    let memberships: MembershipService
    let keyMemory: APIKeyCache
    let audit: AuditService
    let runtime: Runtime

    /// - Throws: `validation-failed` for the name; `too-many-organisations`.
    func create(_ request: NameOrganisation, scope: Scope) async throws(Problem) -> OrganisationView {
        let name = try Self.name(request.name)
        let id: ID<Organisation> = runtime.id()
        let made = try await database.write { [audit] transaction -> OrganisationView in
            guard try transaction.insertOrganisation(id, name: name, owner: scope.person),
                let organisation = try transaction.organisation(id, for: scope.person)
            else { throw Problem(.tooManyOrganisations) }
            try audit.record(
                AuditEvent("organisation.created", by: scope.moved(to: id), subject: id.text), in: transaction)
            return organisation
        }
        memberships.forget()
        return made
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

    func rename(_ request: NameOrganisation, scope: Scope) async throws(Problem) -> OrganisationView {
        let name = try Self.name(request.name)
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

    /// - Throws: `organisation-in-use` for a personal one, one with other members, and one that owns something.
    func delete(_ scope: Scope) async throws(Problem) {
        let inUse = Problem(
            .organisationInUse,
            detail: "Only an organisation that nobody else belongs to, and that owns nothing, can be deleted.")
        let failure = await fault {
            try await database.write { [audit] transaction in
                _ = try transaction.authority(of: scope, [.owner])
                guard try transaction.deleteOrganisation(scope.organisation, owner: scope.person) else { throw inUse }
                try audit.record(
                    AuditEvent("organisation.deleted", by: scope, subject: scope.organisation.text), in: transaction)
            }
        }
        if let failure { throw (failure.cause as? StorageError)?.kind == .reference ? inUse : failure }
        memberships.forget()
        keyMemory.holders.forgetAll()
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

    /// Makes a member something else; for owners.
    /// - Throws: `not-found` for somebody who is no member; `last-owner`.
    func setRole(of person: ID<Person>, to role: OrganisationRole, scope: Scope) async throws(Problem)
        -> MemberPage.Change
    {
        let previous = try await database.write { [audit] transaction -> OrganisationRole in
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
            return member.role
        }
        memberships.forget()
        return MemberPage.Change(userId: person, role: role, previousRole: previous)
    }

    /// Takes somebody out of the organisation: their sessions go back to their own, their keys in it end.
    /// - Throws: `not-found`; `insufficient-role` where an admin would remove an owner or another admin; `last-owner`.
    func remove(_ person: ID<Person>, scope: Scope) async throws(Problem) {
        try await end(person, scope, allowed: person == scope.person ? OrganisationRole.allCases : [.owner, .admin])
    }

    /// The caller leaves.
    /// - Throws: `last-owner`, also for one's own organisation.
    func leave(_ scope: Scope) async throws(Problem) {
        try await end(scope.person, scope, allowed: OrganisationRole.allCases)
    }

    private func end(_ person: ID<Person>, _ scope: Scope, allowed: [OrganisationRole]) async throws(Problem) {
        try await database.write { [audit] transaction in
            let role = try transaction.authority(of: scope, allowed)
            guard let member = try transaction.membership(of: person, in: scope.organisation) else {
                throw Problem(.notFound)
            }
            guard person == scope.person || role.mayManage(member.role) else {
                throw Problem(.insufficientRole, detail: "Only an owner removes an owner or an admin.")
            }
            guard try transaction.deleteMember(person, of: scope.organisation) else { throw Self.lastOwner(member) }
            try transaction.returnSessions(of: person, from: scope.organisation)
            try transaction.revokeKeys(of: person, in: scope.organisation, because: "left the organisation")
            try audit.record(
                AuditEvent(
                    person == scope.person ? "membership.left" : "membership.removed", by: scope, subject: person.text),
                in: transaction)
        }
        memberships.forget()
        keyMemory.holders.forgetAll()
    }

    /// Moves the caller's session to another organisation that they belong to.
    /// - Throws: `not-a-member`; `insufficient-role` for somebody who acts in another's name; `token-expired`.
    func move(to organisation: ID<Organisation>, scope: Scope) async throws(Problem) -> Switched {
        guard scope.impersonator == nil else {
            throw Problem(.insufficientRole, detail: "A token for acting in somebody's name stays where it is.")
        }
        guard let session = scope.session else { throw Problem(.insufficientScope) }
        let person = try await database.write { [audit] transaction -> Person in
            guard let person = try transaction.person(scope.person), try transaction.lock(organisation),
                try transaction.membership(of: scope.person, in: organisation) != nil
            else { throw Problem(.notAMember) }
            guard try transaction.moveSession(session, of: scope.person, to: organisation) else {
                throw Problem(.tokenExpired)
            }
            try audit.record(
                AuditEvent("session.moved", by: scope.moved(to: organisation), subject: session.text), in: transaction)
            return person
        }
        let csrf = Base64URL.encode(runtime.randomBytes(24))
        let token = try await tokens.issue(person: person, session: session, organisation: organisation, csrf: csrf)
        return Switched(
            accessToken: token, expiresIn: Int(tokens.lifetime.inSeconds), csrfToken: csrf, organisationId: organisation
        )
    }

    private static func lastOwner(_ member: Membership) -> Problem {
        Problem(
            .lastOwner,
            detail: member.isPersonal
                ? "Nobody leaves the organisation that came with their account." : "Make somebody else an owner first."
        )
    }

    static func name(_ given: String) throws(Problem) -> DisplayName {
        guard let name = DisplayName(given) else { throw Problem.invalid("/name", "must be readable text") }
        return name
    }

    private func fault(_ body: () async throws -> Void) async -> Problem? {
        do {
            try await body()
            return nil
        } catch { return Problem.wrapping(error) }
    }
}

extension MemberPage {
    struct Change: Payload {
        var userId: ID<Person>
        var role: OrganisationRole
        var previousRole: OrganisationRole
    }
}

extension Transaction {
    /// Holds the scope's organisation until the transaction ends, and finds what the caller is in it now.
    /// - Throws: `not-found` for somebody who belongs to it no more; `insufficient-role`.
    func authority(of scope: Scope, _ allowed: [OrganisationRole]) throws -> OrganisationRole {
        guard try lock(scope.organisation), let member = try membership(of: scope.person, in: scope.organisation) else {
            throw Problem(.notFound)
        }
        guard allowed.contains(member.role) else { throw Problem(.insufficientRole) }
        return member.role
    }
}

extension Problem.Kind {
    package static let lastOwner = Self("last-owner", "An organisation keeps an owner", status: 409)
    package static let tooManyOrganisations = Self(
        "too-many-organisations", "You belong to as many organisations as anybody may", status: 409)
    package static let organisationInUse = Self("organisation-in-use", "This organisation is in use", status: 409)
}
