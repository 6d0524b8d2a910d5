import Audit
import Mail
import Modules
import Secrets

/// Changes and resets passwords.
final class PasswordService: Sendable {
    let database: any Database
    let hasher: PasswordHasher
    let policy: PasswordPolicy
    let challenges: ChallengeService
    private let confirmation: Confirmation
    private let loginThrottle: LoginThrottle
    private let sessions: SessionService
    private let recovery: AccountRecoveryService
    private let access: AccountAccessService
    private let apiKeys: APIKeyService
    private let audit: AuditService
    private let mailer: Mailer

    init(
        database: any Database, hasher: PasswordHasher, policy: PasswordPolicy, challenges: ChallengeService,
        confirmation: Confirmation, loginThrottle: LoginThrottle, sessions: SessionService, apiKeys: APIKeyService,
        recovery: AccountRecoveryService, access: AccountAccessService, audit: AuditService, mailer: Mailer
    ) {
        self.database = database
        self.hasher = hasher
        self.policy = policy
        self.challenges = challenges
        self.confirmation = confirmation
        self.loginThrottle = loginThrottle
        self.sessions = sessions
        self.recovery = recovery
        self.access = access
        self.apiKeys = apiKeys
        self.audit = audit
        self.mailer = mailer
    }

    /// Changes a password, given the present one. The person's other sessions end unless the payload says otherwise;
    /// the API keys where it says so.
    /// - Throws: what ``Confirmation`` throws; `validation-failed`; `conflict` where it was changed concurrently.
    func change(_ change: PasswordChange, scope: Scope) async throws(Problem) -> PasswordChanged {
        guard let present = change.currentPassword ?? change.oldPassword else {
            throw Problem.invalid("/current_password", "is required")
        }
        let person = try await confirmation.confirm(
            password: present, code: change.mfaCode, by: scope, for: "password.changed"
        ) { person, _ in person }
        guard change.newPassword != present else {
            throw Problem.invalid("/new_password", "must not be the present password")
        }
        try policy.check(change.newPassword, against: person.names, at: "/new_password")
        let hash = try await hasher.hash(change.newPassword)
        let ended = try await database.write { [self] transaction -> EndedCredentials in
            guard try transaction.lockedPerson(person.id) != nil,
                try transaction.setPassword(hash, of: person.id, replacing: person.passwordHash)
            else {
                throw Problem(.conflict, detail: "The password was changed elsewhere at the same time. Sign in again.")
            }
            try audit.record(AuditEvent("password.changed", by: scope, subject: person.id.text), in: transaction)
            try transaction.endChallenges(of: person.id, for: Self.endedByPassword)
            try mailer.send(
                changeNotice(to: person, from: scope.address, in: transaction), ifVerified: person, in: transaction)
            let reason = "password changed"
            let keys =
                change.revokeApiKeys ?? false
                ? try apiKeys.revokeAll(of: person.id, because: reason, by: scope, in: transaction) : 0
            let sessions =
                change.signOutOthers ?? true
                ? try transaction.revokeImpersonations(by: person.id, because: reason)
                    + transaction.revokeSessions(of: person.id, except: scope.session, because: reason) : []
            return EndedCredentials(sessions: sessions, keys: keys)
        }
        sessions.noteRevoked(ended.sessions, of: person.id)
        if ended.keys > 0 { apiKeys.invalidateCache() }
        return PasswordChanged(
            message: "The password is changed", sessionsEnded: ended.sessions.count, apiKeysRevoked: ended.keys)
    }

    private struct EndedCredentials: Sendable {
        let sessions: [ID<Session>]
        /// The number of revoked API keys.
        let keys: Int
    }

    /// Mails a link and a code for a new password. The response is the same whether or not the account exists, as in
    /// ``VerificationService/resend(to:client:)``.
    func requestReset(_ address: String, client: ClientInfo) async throws(Problem) -> Acknowledgement {
        let email = try EmailAddress(reading: address, at: "/email")
        try await database.write { [self] transaction in
            let person = try transaction.lockedPerson(withAddress: email.key)
            var isSent = false
            if let person, !person.isSuspended {
                isSent = try challenges.send(.resetPassword, to: person.email, of: person, in: transaction)
            } else {
                try challenges.imitate(.resetPassword, to: email, of: person, in: transaction)
            }
            try audit.record(
                AuditEvent(
                    "password.reset-requested", outcome: isSent ? .success : .refused, from: client,
                    subject: person?.id.text), in: transaction
            )
        }
        return Acknowledgement(message: "If this address belongs to an account, an e-mail is sent to it.")
    }

    /// Sets a new password by the proof of a mail and ends what ``AccountAccessService`` ends. It begins no session.
    /// Where the address was not verified before, it also ends every other access to the account: see
    /// ``AccountRecoveryService``.
    /// - Throws: `invalid-proof`, `proof-used`; `validation-failed`, which does not use up the link.
    func reset(_ proof: Proof, to password: String, client: ClientInfo) async throws(Problem) -> PasswordChanged {
        try policy.check(password, against: [], at: "/new_password")
        if case .link(let token) = proof { try await requireLink(token, client) }
        let hash = try await hasher.hash(password)
        let outcome = try await database.write { [self] transaction -> Result<AccountAccessService.Ended, Problem> in
            switch try challenges.redeem(proof, for: [.resetPassword], in: transaction) {
            case .proved(_, let person):
                try policy.check(password, against: person.names, at: "/new_password")
                return .success(try reset(person, to: hash, client, in: transaction))
            case .used(let person):
                try recordFailure(person.id, client, in: transaction)
                return .failure(.proofUsed(proof))
            case .refused(let person):
                try recordFailure(person, client, in: transaction)
                return .failure(.invalidProof(proof))
            }
        }
        let done = try outcome.get()
        access.invalidateCaches(after: done)
        recovery.invalidateCaches()
        return PasswordChanged(
            message: "The password is changed. Sign in with it.", sessionsEnded: done.sessions.count,
            apiKeysRevoked: done.keys)
    }

    private func reset(_ person: Person, to hash: String, _ client: ClientInfo, in transaction: Transaction) throws
        -> AccountAccessService.Ended
    {
        _ = try transaction.setPassword(hash, of: person.id, replacing: person.passwordHash)
        if !person.isEmailVerified { try recovery.endAccess(to: person, client, in: transaction) }
        // The mail went to the present address: a change of address ends earlier challenges.
        _ = try challenges.accept(person, by: client, in: transaction)
        // The proof identifies the owner, so failures of others no longer refuse a sign-in.
        try loginThrottle.resetFailures(of: person.id, client: client, in: transaction)
        try audit.record(
            AuditEvent(
                "password.reset", from: client, actor: person.id.text, organisation: person.organisation.text,
                subject: person.id.text),
            in: transaction
        )
        let ended = try access.end(
            person.id, because: "password reset", challenges: Self.endedByPassword,
            event: {
                AuditEvent(
                    $0, from: client, actor: person.id.text, organisation: person.organisation.text, subject: $1,
                    details: $2)
            },
            in: transaction)
        try mailer.send(changeNotice(to: person, from: client.address, in: transaction), in: transaction)
        return ended
    }

    /// Refuses unknown tokens before a password is hashed for them. A code is not checked before: the response time
    /// would show whether one was sent.
    private func requireLink(_ token: String, _ client: ClientInfo) async throws(Problem) {
        guard try await database.read({ try $0.challenge(withLink: Digest.hex(token)) }) == nil else { return }
        try await database.write { [self] transaction in try recordFailure(nil, client, in: transaction) }
        throw .invalidProof(.link(token: token))
    }

    /// A challenge that verifies the present address remains.
    private static let endedByPassword: [Challenge.Purpose] = [.resetPassword, .changeEmail]

    private func changeNotice(to person: Person, from address: String, in transaction: Transaction) -> Email {
        .notice("password-changed", to: person, at: transaction.now, from: address)
    }

    private func recordFailure(_ person: ID<Person>?, _ client: ClientInfo, in transaction: Transaction) throws {
        try audit.record(
            AuditEvent("password.reset", outcome: .failure, from: client, subject: person?.text), in: transaction)
    }
}

extension Transaction {
    /// Replaces a password hash, where the stored one is still `old`.
    func setPassword(_ hash: String, of person: ID<Person>, replacing old: String) throws -> Bool {
        try execute(
            """
            UPDATE people SET password_hash = \(hash), updated_at = \(now)
            WHERE id = \(person) AND password_hash = \(old)
            """
        ) == 1
    }
}
