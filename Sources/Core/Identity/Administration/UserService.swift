import Audit
import Mail
package import Modules
import Secrets

/// Manages accounts for administrators. A change of rights ends the account's sessions, because their tokens carry the
/// role.
package final class UserService: Sendable {
    private let database: any Database
    private let sessions: SessionService
    private let passwords: PasswordService
    private let access: AccountAccessService
    private let confirmation: Confirmation
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, sessions: SessionService, passwords: PasswordService, access: AccountAccessService,
        confirmation: Confirmation, events: IdentityEvents, audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.sessions = sessions
        self.passwords = passwords
        self.access = access
        self.confirmation = confirmation
        self.events = events
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    func list(_ search: UserSearch) async throws(Problem) -> ManagedUsers {
        let (users, total) = try await database.read { try $0.managedUsers(search) }
        return ManagedUsers(users: users, total: total, limit: search.limit, offset: search.offset)
    }

    /// - Throws: `not-found`.
    func user(_ id: ID<Person>) async throws(Problem) -> ManagedUser {
        guard let user = try await database.read({ try $0.managedUser(id) }) else { throw Problem(.notFound) }
        return user
    }

    /// Applies every given change in one transaction. A role that administrators assign, and a restored account,
    /// outlast the session that gives them: the caller is authenticated again and notified by mail.
    /// - Throws: `not-found`; `own-account` when administrators would remove rights or the password of their own
    ///   account; `last-administrator`; what ``Confirmation`` throws.
    func change(_ id: ID<Person>, _ change: UserChange, by scope: Scope) async throws(Problem) -> ManagedUser {
        let removesRights = change.role.map { $0 != .admin } ?? false || change.isActive == false
        if id == scope.person, removesRights || change.forcePasswordReset == true {
            throw Problem(.ownAccount, detail: "Only another administrator can do this.")
        }
        let randomHash = change.forcePasswordReset == true ? try await randomPasswordHash() : nil
        let isGrant = change.role.map { !$0.isOpenToAll } ?? false || change.isActive == true
        let (user, ended) = try await confirmation.confirm(
            Confirmation.Given(password: change.password, code: change.mfaCode),
            demanding: isGrant ? .passwordOrCode : .session, by: scope, for: "account.changed",
            preparing: { try $0.lockAdministrators() }
        ) { [self] administrator, transaction -> (ManagedUser, AccountAccessService.Ended?) in
            guard administrator.role == .admin else { throw Problem(.insufficientRole) }
            guard let before = try transaction.managedUser(id), let person = try transaction.lockedPerson(id) else {
                throw Problem(.notFound)
            }
            if before.role == .admin, removesRights, try !transaction.hasAdministrator(besides: id) {
                throw Problem(.lastAdministrator, detail: "Make another administrator first.")
            }
            var reasons: [String] = []
            var grants: [String] = []
            var endsAccess = false
            func record(_ action: String, _ details: [String: String] = [:]) throws {
                try audit.record(
                    AuditEvent(action, by: scope, subject: id.text, target: id, details: details), in: transaction)
            }
            if let role = change.role, try transaction.setRole(of: id, to: role) {
                try record("account.role-changed", ["from": before.role.rawValue, "to": role.rawValue])
                reasons.append("role changed")
                if !role.isOpenToAll { grants.append("The account \(person.email) got the role \(role.rawValue)") }
            }
            if change.isActive == false, try transaction.suspend(id) {
                try record("account.suspended")
                try events.accountSuspended(id, in: transaction)
                reasons.append("account suspended")
                endsAccess = true
            }
            if change.isActive == true, try transaction.reopen(id) {
                try record("account.restored")
                reasons.append("account restored")
                endsAccess = true
                grants.append("The account \(person.email) was restored")
            }
            if randomHash != nil {
                reasons.append("password reset forced")
                endsAccess = true
            }
            if change.endSessions == true { reasons.append("ended by an administrator") }
            var ended: AccountAccessService.Ended?
            if let reason = reasons.first {
                let all = try end(id, because: reason, endsAccess: endsAccess, by: scope, in: transaction)
                try record("account.sessions-ended", ["reason": reason, "count": "\(all.sessions.count)"])
                ended = all
            }
            if let randomHash {
                try transaction.setPasswordHash(of: id, to: randomHash)
                _ = try passwords.challenges.send(.resetPassword, to: person.email, of: person, in: transaction)
                try record("account.password-reset-forced", ["api_keys": "\(ended?.keys ?? 0)"])
            }
            for grant in grants { try mailer.notify(administrator, of: grant, by: scope, in: transaction) }
            guard let after = try transaction.managedUser(id) else { throw Problem(.notFound) }
            return (after, ended)
        }
        if let ended { access.invalidateCaches(after: ended) }
        return user
    }

    /// Ends the sessions, and where asked everything else that ``AccountAccessService`` ends.
    private func end(
        _ person: ID<Person>, because reason: String, endsAccess: Bool, by scope: Scope, in transaction: Transaction
    ) throws -> AccountAccessService.Ended {
        guard endsAccess else {
            return AccountAccessService.Ended(
                person: person, sessions: try transaction.revokeAllSessions(of: person, because: reason), keys: 0)
        }
        // A link for a new password went to the present address: by the limits of mails it may be the only one.
        return try access.end(
            person, because: reason, challenges: Challenge.Purpose.allCases.filter { $0 != .resetPassword }, by: scope,
            in: transaction)
    }

    /// Closes an account: login is refused. Its data remains until an erasure. An address that is not verified can be
    /// registered again at once.
    /// - Throws: `not-found`, `own-account`, `last-administrator`; `sole-owner` for an account that can only be
    ///   suspended, because an organisation with other members would have no owner.
    func close(_ id: ID<Person>, by scope: Scope) async throws(Problem) {
        guard id != scope.person else { throw Problem(.ownAccount, detail: "Only another administrator can do this.") }
        let ended = try await database.write { [self] transaction -> AccountAccessService.Ended in
            try transaction.lockAdministrators()
            try transaction.requireCaller(scope, as: .admin)
            guard let person = try transaction.lockedPerson(id), try transaction.close(id) else {
                throw Problem(.notFound)
            }
            if let refusal = try transaction.refusal(ofLeaving: person, .requested) { throw refusal }
            if !person.isEmailVerified { try transaction.releaseAddress(of: id) }
            try events.accountClosed(person, in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address),
                ifVerified: person, in: transaction)
            let ended = try access.end(id, because: "account closed by an administrator", by: scope, in: transaction)
            let details = ["sessions": "\(ended.sessions.count)"]
            try audit.record(
                AuditEvent("account.closed", by: scope, subject: id.text, target: id, details: details), in: transaction
            )
            return ended
        }
        access.invalidateCaches(after: ended)
    }

    /// The hash of a random password that is not stored.
    private func randomPasswordHash() async throws(Problem) -> String {
        try await passwords.hasher.hash(Base64URL.encode(runtime.randomBytes(32)))
    }
}

extension Transaction {
    /// Revokes a person's sessions, including impersonations of the person and those by the person.
    /// - Returns: the sessions that this call revoked.
    func revokeAllSessions(of person: ID<Person>, because reason: String) throws -> [ID<Session>] {
        try revokeImpersonations(by: person, because: reason) + revokeSessions(of: person, because: reason)
    }
}

// MARK: Command line

extension UserService {
    /// Gives an existing account the role `admin` and ends its sessions, so that the next login has the role.
    /// - Parameter name: the account's address or user name.
    /// - Returns: whether it has a new role, and whether its address is verified.
    /// - Throws: `not-found`; `conflict` for an account that is suspended or closed and cannot be signed in to.
    package func promote(named name: String) async throws(Problem) -> Promotion {
        let key = CanonicalText.accountKey(of: name)
        let (promotion, ended) = try await database.write { [self] transaction -> (Promotion, [ID<Session>]) in
            guard let found = try transaction.person(named: key), let person = try transaction.lockedPerson(found.id)
            else { throw Problem(.notFound, detail: "There is no account '\(name)'.") }
            guard !person.isSuspended else {
                throw Problem(
                    .conflict,
                    detail: "The account '\(name)' is suspended or closed and cannot be signed in to. "
                        + "Nothing was changed.")
            }
            guard try transaction.setRole(of: person.id, to: .admin) else {
                return (Promotion(person, isNew: false), [])
            }
            let details = ["from": person.role.rawValue, "to": Role.admin.rawValue]
            let event = AuditEvent(
                "account.role-changed", from: .commandLine, subject: person.id.text, target: person.id, details: details
            )
            try audit.record(event, in: transaction)
            let ended = try transaction.revokeAllSessions(of: person.id, because: "role changed")
            return (Promotion(person, isNew: true), ended)
        }
        sessions.noteRevoked(ended, of: promotion.person)
        return promotion
    }

    /// The result of ``promote(named:)``.
    package struct Promotion: Sendable {
        let person: ID<Person>
        /// False where the account had the role before.
        package let isNew: Bool
        /// False where another person may have registered the address.
        package let isEmailVerified: Bool

        fileprivate init(_ person: Person, isNew: Bool) {
            self.person = person.id
            self.isNew = isNew
            isEmailVerified = person.isEmailVerified
        }
    }

    /// Sets the password of an account and ends what ``AccountAccessService`` ends.
    /// - Parameter name: the account's address or user name.
    /// - Returns: false for an account that is suspended or closed and cannot be signed in to nevertheless.
    /// - Throws: `not-found`; `validation-failed` for a password that the policy refuses.
    @discardableResult
    package func resetPassword(named name: String, to password: String) async throws(Problem) -> Bool {
        let key = CanonicalText.accountKey(of: name)
        guard let person = try await database.read({ try $0.person(named: key) }) else {
            throw Problem(.notFound, detail: "There is no account '\(name)'.")
        }
        try passwords.policy.check(password, against: person.names)
        let hash = try await passwords.hasher.hash(password)
        let (ended, isOpen) = try await database.write { [self] transaction -> (AccountAccessService.Ended, Bool) in
            guard let person = try transaction.lockedPerson(person.id) else { throw Problem(.notFound) }
            try transaction.setPasswordHash(of: person.id, to: hash)
            let event = AuditEvent(
                "account.password-reset", from: .commandLine, subject: person.id.text, target: person.id)
            try audit.record(event, in: transaction)
            let ended = try access.end(
                person.id, because: "password reset",
                event: { AuditEvent($0, from: .commandLine, subject: $1, target: person.id, details: $2) },
                in: transaction)
            return (ended, !person.isSuspended)
        }
        access.invalidateCaches(after: ended)
        return isOpen
    }
}
