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
    private let apiKeys: APIKeyService
    private let events: IdentityEvents
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, sessions: SessionService, passwords: PasswordService, apiKeys: APIKeyService,
        events: IdentityEvents, audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.sessions = sessions
        self.passwords = passwords
        self.apiKeys = apiKeys
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

    /// Applies every given change in one transaction.
    /// - Throws: `not-found`; `own-account` when administrators would remove rights or the password of their own
    ///   account; `last-administrator`.
    func change(_ id: ID<Person>, _ change: UserChange, by scope: Scope) async throws(Problem) -> ManagedUser {
        let removesRights = change.role.map { $0 != .admin } ?? false || change.isActive == false
        if id == scope.person, removesRights || change.forcePasswordReset == true {
            throw Problem(.ownAccount, detail: "Only another administrator can do this.")
        }
        let randomHash = change.forcePasswordReset == true ? try await randomPasswordHash() : nil
        let (user, ended) = try await database.write { [self] transaction -> (ManagedUser, [ID<Session>]) in
            try transaction.lockAdministrators()
            guard let before = try transaction.managedUser(id), let person = try transaction.lockedPerson(id) else {
                throw Problem(.notFound)
            }
            if before.role == .admin, removesRights, try !transaction.hasAdministrator(besides: id) {
                throw Problem(.lastAdministrator, detail: "Make another administrator first.")
            }
            var reasons: [String] = []
            func record(_ action: String, _ details: [String: String] = [:]) throws {
                try audit.record(
                    AuditEvent(action, by: scope, subject: id.text, target: id, details: details), in: transaction)
            }
            if let role = change.role, try transaction.setRole(of: id, to: role) {
                try record("account.role-changed", ["from": before.role.rawValue, "to": role.rawValue])
                reasons.append("role changed")
            }
            if change.isActive == false, try transaction.suspend(id) {
                try record("account.suspended")
                reasons.append("account suspended")
            }
            if change.isActive == true, try transaction.reopen(id) { try record("account.restored") }
            if let randomHash {
                try transaction.setPasswordHash(of: id, to: randomHash)
                _ = try passwords.challenges.send(.resetPassword, to: person.email, of: person, in: transaction)
                let reason = "password reset forced"
                let keys = try apiKeys.revokeAll(of: id, because: reason, by: scope, in: transaction)
                try record("account.password-reset-forced", ["api_keys": "\(keys)"])
                reasons.append("password reset forced")
            }
            if change.endSessions == true { reasons.append("ended by an administrator") }
            var ended: [ID<Session>] = []
            if let reason = reasons.first {
                ended = try transaction.revokeAllSessions(of: id, because: reason)
                try record("account.sessions-ended", ["reason": reason, "count": "\(ended.count)"])
            }
            guard let after = try transaction.managedUser(id) else { throw Problem(.notFound) }
            return (after, ended)
        }
        sessions.noteRevoked(ended, of: id)
        if randomHash != nil { apiKeys.invalidateCache() }
        return user
    }

    /// Closes an account: login is refused. Its data remains until an erasure. An address that is not verified can be
    /// registered again at once.
    /// - Throws: `not-found`, `own-account`, `last-administrator`; `sole-owner` for an account that can only be
    ///   suspended, because an organisation with other members would have no owner.
    func close(_ id: ID<Person>, by scope: Scope) async throws(Problem) {
        guard id != scope.person else { throw Problem(.ownAccount, detail: "Only another administrator can do this.") }
        let ended = try await database.write { [self] transaction -> [ID<Session>] in
            try transaction.lockAdministrators()
            guard let person = try transaction.lockedPerson(id), try transaction.close(id) else {
                throw Problem(.notFound)
            }
            if let refusal = try transaction.refusal(ofLeaving: person, .requested) { throw refusal }
            if !person.isEmailVerified { try transaction.releaseAddress(of: id) }
            try transaction.endChallenges(of: id)
            try events.accountClosed(person, in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address),
                ifVerified: person, in: transaction)
            let ended = try transaction.revokeAllSessions(of: id, because: "account closed by an administrator")
            let details = ["sessions": "\(ended.count)"]
            try audit.record(
                AuditEvent("account.closed", by: scope, subject: id.text, target: id, details: details), in: transaction
            )
            return ended
        }
        sessions.noteRevoked(ended, of: id)
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
    /// - Returns: false when it has the role already.
    /// - Throws: `not-found`.
    package func promote(named name: String) async throws(Problem) -> Bool {
        let key = CanonicalText.accountKey(of: name)
        let ended = try await database.write { [self] transaction -> (person: ID<Person>, sessions: [ID<Session>])? in
            guard let person = try transaction.person(named: key) else {
                throw Problem(.notFound, detail: "There is no account '\(name)'.")
            }
            guard try transaction.setRole(of: person.id, to: .admin) else { return nil }
            let details = ["from": person.role.rawValue, "to": Role.admin.rawValue]
            let event = AuditEvent(
                "account.role-changed", from: .commandLine, subject: person.id.text, target: person.id, details: details
            )
            try audit.record(event, in: transaction)
            return (person.id, try transaction.revokeAllSessions(of: person.id, because: "role changed"))
        }
        guard let ended else { return false }
        sessions.noteRevoked(ended.sessions, of: ended.person)
        return true
    }

    /// Sets the password of an account, ends its sessions and revokes its API keys.
    /// - Parameter name: the account's address or user name.
    /// - Throws: `not-found`; `validation-failed` for a password that the policy refuses.
    package func resetPassword(named name: String, to password: String) async throws(Problem) {
        let key = CanonicalText.accountKey(of: name)
        guard let person = try await database.read({ try $0.person(named: key) }) else {
            throw Problem(.notFound, detail: "There is no account '\(name)'.")
        }
        try passwords.policy.check(password, against: person.names)
        let hash = try await passwords.hasher.hash(password)
        let ended = try await database.write { [self] transaction -> [ID<Session>] in
            try transaction.setPasswordHash(of: person.id, to: hash)
            try transaction.endChallenges(of: person.id)
            let event = AuditEvent(
                "account.password-reset", from: .commandLine, subject: person.id.text, target: person.id)
            try audit.record(event, in: transaction)
            let reason = "password reset"
            _ = try apiKeys.revokeAll(
                of: person.id, because: reason,
                event: { key, details in
                    AuditEvent("api-key.revoked", from: .commandLine, subject: key, target: person.id, details: details)
                },
                in: transaction)
            return try transaction.revokeAllSessions(of: person.id, because: reason)
        }
        sessions.noteRevoked(ended, of: person.id)
        apiKeys.invalidateCache()
    }
}
