import Audit
import Mail
import Modules
import Secrets

/// Begins and ends impersonations. Every audit row of an impersonation names both persons, and the impersonated person
/// is notified by mail, if the address is verified.
final class ImpersonationService: Sendable {
    private let database: any Database
    private let sessions: SessionService
    private let confirmation: Confirmation
    private let sealer: Sealer
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, sessions: SessionService, confirmation: Confirmation, sealer: Sealer,
        audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.sessions = sessions
        self.confirmation = confirmation
        self.sealer = sealer
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    /// Begins a session of another person that ends after ``Impersonation/lifetime``. It outlasts the access token that
    /// begins it: the administrator is authenticated again.
    /// - Throws: `not-found`; `impersonation-not-allowed` for administrators, which includes the caller, and for
    ///   suspended accounts; what ``Confirmation`` throws.
    func begin(of id: ID<Person>, _ payload: ImpersonationRequest, by scope: Scope) async throws(Problem)
        -> Impersonation
    {
        let reason = payload.reason
        let session: ID<Session> = runtime.id()
        // The column requires a key. No refresh token is issued.
        let sealed = try await Problem.catching { try sealer.seal(runtime.randomBytes(32), context: session.text) }
        let person = try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode), demanding: .passwordOrCode,
            by: scope, for: "impersonation.begun", preparing: { try $0.lockAdministrators() }
        ) { [self] administrator, transaction -> Person in
            guard administrator.role == .admin else { throw Problem(.insufficientRole) }
            guard let person = try transaction.lockedPerson(id) else { throw Problem(.notFound) }
            guard person.role != .admin, !person.isSuspended else {
                throw Problem(
                    .impersonationNotAllowed,
                    detail: "Administrators and suspended accounts cannot be impersonated.")
            }
            try transaction.insertImpersonation(
                session, of: person, by: scope.person, sealedKey: sealed, address: scope.address)
            try audit.record(
                AuditEvent(
                    "impersonation.begun", by: scope, subjectKind: "session", subject: session.text, target: id,
                    details: ["reason": reason]),
                in: transaction
            )
            let values = [
                "name": person.displayName, "administrator": administrator.displayName, "reason": reason,
                "when": transaction.now.description,
            ]
            try mailer.send(
                Email("impersonated", to: person.email, values: values), ifVerified: person, in: transaction)
            return person
        }
        sessions.accountCache.invalidate(id)
        let csrf = Base64URL.encode(runtime.randomBytes(24))
        let token = try await sessions.tokens.issue(
            person: person, session: session, organisation: person.organisation, csrf: csrf, impersonator: scope.person)
        return Impersonation(
            accessToken: token,
            expiresIn: Int(Impersonation.lifetime.inSeconds),
            csrfToken: csrf,
            sessionId: session,
            impersonatorId: scope.person,
            user: User(person)
        )
    }

    /// Records that an account must not be impersonated. The transaction of the attempt is rolled back.
    func recordRefusal(of id: ID<Person>, by scope: Scope) async throws(Problem) {
        try await database.write { [audit] in
            try audit.record(
                AuditEvent("impersonation.begun", outcome: .refused, by: scope, subject: id.text, target: id), in: $0)
        }
    }

    /// Ends every impersonation of a person.
    /// - Throws: `not-found`.
    func end(of id: ID<Person>, by scope: Scope) async throws(Problem) -> EndedSessions {
        let ended = try await database.write { [audit] transaction -> [ID<Session>] in
            try transaction.requireCaller(scope, as: .admin)
            guard try transaction.person(id) != nil else { throw Problem(.notFound) }
            let ended = try transaction.revokeImpersonations(of: id, because: "impersonation ended")
            for session in ended {
                try audit.record(
                    AuditEvent(
                        "impersonation.ended", by: scope, subjectKind: "session", subject: session.text, target: id),
                    in: transaction)
            }
            return ended
        }
        sessions.noteRevoked(ended, of: id)
        return EndedSessions(ended: ended.count)
    }
}
