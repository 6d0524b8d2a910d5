import Audit
import Mail
package import Modules
import Secrets

/// The verbs of sessions: begin, refresh, end.
struct SessionService: Sendable {
    let database: any Database
    let tokens: TokenIssuer
    let revocations: Revocations
    let sealer: Sealer
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// Opens a session for somebody who has proved who they are.
    /// - Parameter method: how they did.
    func begin(for person: Person, visitor: ClientInfo, by method: SignInMethod = .password) async throws(Problem)
        -> SignedIn
    {
        let id: ID<Session> = runtime.id()
        let key = runtime.randomBytes(32)
        let sealed = try await Problem.catching { try sealer.seal(key, context: id.text) }
        try await database.write { [audit] transaction in
            try transaction.insertSession(id, of: person, sealedKey: sealed, visitor: visitor, method: method)
            try transaction.remember(KnownDevice.network(visitor, of: person.id), of: person.id)
            try audit.record(
                AuditEvent(
                    "session.created",
                    from: visitor,
                    actor: person.id.text,
                    organisation: person.organisation.text,
                    subject: id.text,
                    details: method == .password ? [:] : ["method": method.rawValue]
                ),
                in: transaction
            )
        }
        return try await signedIn(
            person, session: id, organisation: person.organisation,
            refresh: RefreshToken(session: id, counter: 0, key: key))
    }

    /// Trades a refresh token for its successor and a new access token. A token that was traded before, and not just now, means
    /// that two parties hold it: the session ends for both, and its person is told.
    /// - Throws: `invalid-refresh-token`.
    func refresh(_ text: String, visitor: ClientInfo) async throws(Problem) -> SignedIn {
        guard let token = RefreshToken(text) else { throw Problem(.invalidRefreshToken) }
        let result = try await database.write { transaction in try present(token, visitor, in: transaction) }
        switch result {
        case .renewed(let person, let organisation, let successor):
            return try await signedIn(
                person, session: successor.session, organisation: organisation, refresh: successor)
        case .revoked(let session):
            revocations.note([session], at: runtime.now())
            throw Problem(.invalidRefreshToken)
        case .refused: throw Problem(.invalidRefreshToken)
        }
    }

    private enum Refreshed: Sendable {
        case renewed(Person, ID<Organisation>, RefreshToken)
        case revoked(ID<Session>)
        case refused
    }

    private func present(_ token: RefreshToken, _ visitor: ClientInfo, in transaction: Transaction) throws -> Refreshed
    {
        guard var session = try transaction.session(token.session) else { return .refused }
        let key = try sealer.open(session.sealedKey, context: session.id.text)
        guard token.isGenuine(key: key), let person = try transaction.person(session.person) else { return .refused }
        guard !person.isSuspended else {
            try recordRefusal(of: session, "account suspended", visitor, in: transaction)
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
            try end(session, of: person, becauseReusedBy: visitor, in: transaction)
            return .revoked(session.id)
        case .ended:
            try recordRefusal(of: session, "session ended", visitor, in: transaction)
            return .refused
        }
    }

    /// Somebody else holds a copy of this session's token: whoever came now, or whoever came before.
    private func end(
        _ session: Session, of person: Person, becauseReusedBy visitor: ClientInfo, in transaction: Transaction
    ) throws {
        let reason = "refresh token reused"
        let device = try transaction.device(session.id)
        try transaction.revoke(session.id, because: reason)
        try audit.record(
            AuditEvent(
                "session.revoked",
                outcome: .refused,
                from: visitor,
                organisation: session.organisation.text,
                subject: session.id.text,
                details: ["reason": reason]
            ),
            in: transaction
        )
        let values = [
            "name": person.displayName, "device": device?.label ?? DeviceLabel.unknown,
            "when": transaction.now.description,
            "address": visitor.address,
        ]
        try mailer.send(Email("session-reused", to: person.email, values: values), in: transaction)
    }

    private func recordRefusal(
        of session: Session, _ reason: String, _ visitor: ClientInfo, in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                "session.refreshed",
                outcome: .refused,
                from: visitor,
                organisation: session.organisation.text,
                subject: session.id.text,
                details: ["reason": reason]
            ),
            in: transaction
        )
    }

    /// Ends the session of the caller; its access tokens die with it.
    func end(_ scope: Scope) async throws(Problem) {
        guard let session = scope.session else { return }
        try await database.write { [audit] transaction in
            guard try transaction.revoke(session, because: "signed out") else { return }
            try audit.record(
                AuditEvent("session.ended", by: scope, subject: session.text),
                in: transaction
            )
        }
        revocations.note([session], at: runtime.now())
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

extension Problem.Kind {
    package static let invalidRefreshToken = Self(
        "invalid-refresh-token", "Invalid or expired refresh token", status: 401)
}
