import Audit
import Mail
import Modules
import Secrets

/// What administrators do with accounts. Whatever it takes away ends the sessions that had it: a token carries its role.
struct UserService: Sendable {
    let database: any Database
    let sessions: SessionService
    let passwords: PasswordService
    let events: IdentityEvents
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    func list(_ search: UserSearch) async throws(Problem) -> ManagedUsers {
        let (users, total) = try await database.read { try $0.managedUsers(search) }
        return ManagedUsers(users: users, total: total, limit: search.limit, offset: search.offset)
    }

    func user(_ id: ID<Person>) async throws(Problem) -> ManagedUser {
        guard let user = try await database.read({ try $0.managedUser(id) }) else { throw Problem(.notFound) }
        return user
    }

    /// Changes an account, all of what is asked or nothing.
    /// - Throws: `not-found`; `own-account` where an administrator would take something from themselves; `last-administrator`.
    func change(_ id: ID<Person>, _ change: UserChange, by scope: Scope) async throws(Problem) -> ManagedUser {
        let takesRights = change.role.map { $0 != .admin } ?? false || change.isActive == false
        if id == scope.person, takesRights || change.forcePasswordReset == true {
            throw Problem(.ownAccount, detail: "Another administrator can do this.")
        }
        let useless = change.forcePasswordReset == true ? try await uselessHash() : nil
        let (user, ended) = try await database.write { [self] transaction -> (ManagedUser, [ID<Session>]) in
            try transaction.lockAdministrators()
            guard let before = try transaction.managedUser(id), let person = try transaction.lockedPerson(id) else {
                throw Problem(.notFound)
            }
            if before.role == .admin, takesRights, try !transaction.hasAdministrator(besides: id) {
                throw Problem(.lastAdministrator, detail: "Make another administrator first.")
            }
            var reasons: [String] = []
            func note(_ action: String, _ details: [String: String] = [:]) throws {
                try audit.record(
                    AuditEvent(action, by: scope, subject: id.text, target: id, details: details), in: transaction)
            }
            if let role = change.role, try transaction.setRole(of: id, to: role) {
                try note("account.role-changed", ["from": before.role.rawValue, "to": role.rawValue])
                reasons.append("role changed")
            }
            if change.isActive == false, try transaction.suspend(id) {
                try note("account.suspended")
                reasons.append("account suspended")
            }
            if change.isActive == true, try transaction.reopen(id) { try note("account.restored") }
            if let useless {
                try transaction.setPasswordHash(of: id, to: useless)
                _ = try passwords.challenges.send(.resetPassword, to: person.email, of: person, in: transaction)
                try note("account.password-reset-forced")
                reasons.append("password reset forced")
            }
            if change.endSessions == true { reasons.append("ended by an administrator") }
            var ended: [ID<Session>] = []
            if let reason = reasons.first {
                ended = try transaction.endEverything(of: id, because: reason)
                try note("account.sessions-ended", ["reason": reason, "count": "\(ended.count)"])
            }
            guard let after = try transaction.managedUser(id) else { throw Problem(.notFound) }
            return (after, ended)
        }
        sessions.revocations.note(ended, at: runtime.now())
        return user
    }

    /// Closes an account: nobody signs in to it any more. What it owns stays until its data is erased.
    /// - Throws: `not-found`, `own-account`, `last-administrator`.
    func close(_ id: ID<Person>, by scope: Scope) async throws(Problem) {
        guard id != scope.person else { throw Problem(.ownAccount, detail: "Another administrator can do this.") }
        let ended = try await database.write { [self] transaction -> [ID<Session>] in
            try transaction.lockAdministrators()
            guard let person = try transaction.lockedPerson(id), try transaction.close(id) else {
                throw Problem(.notFound)
            }
            if person.role == .admin, try !transaction.hasAdministrator(besides: id) {
                throw Problem(.lastAdministrator, detail: "Make another administrator first.")
            }
            try transaction.endChallenges(of: id)
            try events.accountClosed(person, in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address), in: transaction)
            let ended = try transaction.endEverything(of: id, because: "account closed by an administrator")
            let details = ["sessions": "\(ended.count)"]
            try audit.record(
                AuditEvent("account.closed", by: scope, subject: id.text, target: id, details: details), in: transaction
            )
            return ended
        }
        sessions.revocations.note(ended, at: runtime.now())
    }

    /// The hash of a password that nobody knows.
    private func uselessHash() async throws(Problem) -> String {
        try await passwords.hasher.hash(Base64URL.encode(runtime.randomBytes(32)))
    }
}

extension Transaction {
    /// Ends a person's sessions, those that administrators hold in their name, and those that they hold in others'.
    func endEverything(of person: ID<Person>, because reason: String) throws -> [ID<Session>] {
        try revokeImpersonations(by: person, because: reason) + revokeSessions(of: person, because: reason)
    }
}

// MARK: From the command line

extension UserService {
    /// Makes an existing account an administrator's; its sessions end, so that the next sign-in has the role.
    /// - Returns: false when it was one already.
    /// - Throws: `not-found`.
    func promote(named name: String) async throws(Problem) -> Bool {
        let key = CanonicalText.key(of: name)
        let ended = try await database.write { [self] transaction -> [ID<Session>]? in
            guard let person = try transaction.person(named: key) else {
                throw Problem(.notFound, detail: "There is no account '\(name)'.")
            }
            guard try transaction.setRole(of: person.id, to: .admin) else { return nil }
            let details = ["from": person.role.rawValue, "to": Role.admin.rawValue]
            let event = AuditEvent(
                "account.role-changed", from: .commandLine, subject: person.id.text, target: person.id, details: details
            )
            try audit.record(event, in: transaction)
            return try transaction.endEverything(of: person.id, because: "role changed")
        }
        guard let ended else { return false }
        sessions.revocations.note(ended, at: runtime.now())
        return true
    }

    /// Gives an account another password; its sessions end.
    /// - Throws: `not-found`, `validation-failed`.
    func resetPassword(named name: String, to password: String) async throws(Problem) {
        let key = CanonicalText.key(of: name)
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
            return try transaction.endEverything(of: person.id, because: "password reset")
        }
        sessions.revocations.note(ended, at: runtime.now())
    }
}
