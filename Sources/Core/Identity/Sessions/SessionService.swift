import Audit
import Mail
package import Modules
import Secrets

/// Begins, refreshes and ends sessions.
final class SessionService: Sendable {
    let database: any Database
    let tokens: TokenIssuer
    let revocations: Revocations
    let accountCache: AccountCache
    let sealer: Sealer
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    init(
        database: any Database, tokens: TokenIssuer, revocations: Revocations, accountCache: AccountCache,
        sealer: Sealer, audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.tokens = tokens
        self.revocations = revocations
        self.accountCache = accountCache
        self.sealer = sealer
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    /// Begins a session of an authenticated person, in their personal organisation.
    /// - Parameters:
    ///   - person: as read when the password was verified. The password takes a while to verify: the account is read
    ///     again here, so that a change of it in the meantime ends the sign-in too.
    ///   - method: how the person was authenticated.
    /// - Throws: `invalid-credentials` where the password or the role has changed since, or the account was suspended.
    func begin(for person: Person, client: ClientInfo, by method: SignInMethod = .password) async throws(Problem)
        -> SignedIn
    {
        try tokens.checkClock()
        let id: ID<Session> = runtime.id()
        let key = runtime.randomBytes(32)
        let sealed = try await Problem.catching { try sealer.seal(key, context: id.text) }
        defer { accountCache.invalidate(person.id) }
        let isBegun = try await database.write { [audit] transaction -> Bool in
            guard try transaction.lockedPerson(person.id)?.isAuthenticated(as: person) ?? false else {
                try audit.record(
                    AuditEvent(
                        "session.created", outcome: .refused, from: client, subject: person.id.text,
                        details: ["reason": "account changed"]),
                    in: transaction)
                return false
            }
            try transaction.insertSession(id, of: person, sealedKey: sealed, client: client, method: method)
            try transaction.save(KnownDevice.network(client, of: person.id), of: person.id)
            try audit.record(
                AuditEvent(
                    "session.created",
                    from: client,
                    actor: person.id.text,
                    organisation: person.organisation.text,
                    subject: id.text,
                    details: method == .password ? [:] : ["method": method.rawValue]
                ),
                in: transaction
            )
            return true
        }
        guard isBegun else { throw Problem(.invalidCredentials) }
        return try await signedIn(
            person, session: id, organisation: person.organisation,
            refresh: RefreshToken(session: id, counter: 0, key: key))
    }

    /// Exchanges a refresh token for its successor and a new access token. A token that was exchanged before, and not
    /// within the replay window, was copied: the session is revoked and its person is notified by mail, if the address
    /// is verified.
    /// - Throws: `invalid-refresh-token`.
    func refresh(_ text: String, client: ClientInfo) async throws(Problem) -> SignedIn {
        guard let token = RefreshToken(text) else { throw Problem(.invalidRefreshToken) }
        try tokens.checkClock()
        let result = try await database.write { [self] transaction in try present(token, client, in: transaction) }
        switch result {
        case .renewed(let person, let organisation, let successor):
            return try await signedIn(
                person, session: successor.session, organisation: organisation, refresh: successor)
        case .revoked(let session, let person):
            noteRevoked([session], of: person)
            throw Problem(.invalidRefreshToken)
        case .refused: throw Problem(.invalidRefreshToken)
        }
    }

    private enum Refreshed: Sendable {
        case renewed(Person, ID<Organisation>, RefreshToken)
        case revoked(ID<Session>, ID<Person>)
        case refused
    }

    private func present(_ token: RefreshToken, _ client: ClientInfo, in transaction: Transaction) throws -> Refreshed {
        guard var session = try transaction.session(token.session) else { return .refused }
        let key = try sealer.open(session.sealedKey, context: session.id.text)
        guard token.isGenuine(key: key), let person = try transaction.person(session.person) else { return .refused }
        guard !person.isSuspended else {
            try recordRefusal(of: session, "account suspended", client, in: transaction)
            return .refused
        }
        switch session.present(token.counter, at: transaction.now) {
        case .rotate:
            guard try transaction.rotate(session, from: token.counter) else { return .refused }
            return .renewed(
                person, session.organisation, RefreshToken(session: session.id, counter: session.counter, key: key))
        case .replay:
            return .renewed(
                person, session.organisation, RefreshToken(session: session.id, counter: session.counter, key: key))
        case .reuse:
            try revokeReused(session, of: person, client, in: transaction)
            return .revoked(session.id, person.id)
        case .ended:
            try recordRefusal(of: session, "session ended", client, in: transaction)
            return .refused
        }
    }

    /// Revokes a session of which two parties hold a refresh token; it is unknown which of them is the owner.
    private func revokeReused(
        _ session: Session, of person: Person, _ client: ClientInfo, in transaction: Transaction
    ) throws {
        let reason = "refresh token reused"
        let device = try transaction.device(session.id)
        try transaction.revoke(session.id, because: reason)
        try audit.record(
            AuditEvent(
                "session.revoked",
                outcome: .refused,
                from: client,
                organisation: session.organisation.text,
                subject: session.id.text,
                details: ["reason": reason]
            ),
            in: transaction
        )
        let values = [
            "name": person.displayName, "device": device?.label ?? DeviceLabel.unknown,
            "when": transaction.now.description,
            "address": client.address,
        ]
        try mailer.send(
            Email("session-reused", to: person.email, values: values), ifVerified: person, in: transaction)
    }

    private func recordRefusal(
        of session: Session, _ reason: String, _ client: ClientInfo, in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                "session.refreshed",
                outcome: .refused,
                from: client,
                organisation: session.organisation.text,
                subject: session.id.text,
                details: ["reason": reason]
            ),
            in: transaction
        )
    }

    /// Ends the session of the scope, whose access tokens are refused from then on.
    func end(_ scope: Scope) async throws(Problem) {
        guard let session = scope.session else { return }
        try await database.write { [audit] transaction in
            guard try transaction.revoke(session, because: "signed out") else { return }
            try audit.record(
                AuditEvent("session.ended", by: scope, subject: session.text),
                in: transaction
            )
        }
        noteRevoked([session], of: scope.person)
    }

    /// Makes committed revocations of a person's sessions effective on this node at once: their access tokens are
    /// refused, and the cached account is read anew.
    func noteRevoked(_ sessions: [ID<Session>], of person: ID<Person>) {
        revocations.note(sessions, at: runtime.now())
        accountCache.invalidate(person)
    }

    private func signedIn(_ person: Person, session: ID<Session>, organisation: ID<Organisation>, refresh: RefreshToken)
        async throws(Problem) -> SignedIn
    {
        let csrf = Base64URL.encode(runtime.randomBytes(24))
        let access = try await tokens.issue(person: person, session: session, organisation: organisation, csrf: csrf)
        return SignedIn(
            accessToken: access, refreshToken: refresh.text, expiresIn: Int(tokens.lifetime.inSeconds), csrfToken: csrf,
            user: User(person))
    }
}

extension Person {
    /// Whether this account, as it is now, is the one whose password was verified before.
    func isAuthenticated(as verified: Person) -> Bool {
        passwordHash == verified.passwordHash && role == verified.role && !isSuspended
    }
}

extension Problem.Kind {
    package static let invalidRefreshToken = Self(
        "invalid-refresh-token", "Invalid or expired refresh token", status: 401)
}
