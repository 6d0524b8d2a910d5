import Audit
import Mail
import Modules
import Secrets

/// Acting in somebody else's name, for an hour and with a reason: both names stand in every row of the trail, and the person is told.
struct ImpersonationService: Sendable {
    let database: any Database
    let sessions: SessionService
    let sealer: Sealer
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// - Throws: `not-found`; `impersonation-not-allowed` for administrators, for oneself and for suspended accounts.
    func begin(of id: ID<Person>, because reason: String, by scope: Scope) async throws(Problem) -> Impersonation {
        let session: ID<Session> = runtime.id()
        // The key of a refresh token that nobody gets.
        let sealed = try await Problem.catching { try sealer.seal(runtime.randomBytes(32), context: session.text) }
        let person = try await database.write { [self] transaction -> Person in
            guard let person = try transaction.person(id) else { throw Problem(.notFound) }
            guard let administrator = try transaction.person(scope.person), administrator.role == .admin else {
                throw Problem(.insufficientRole)
            }
            guard person.role != .admin, !person.isSuspended else {
                throw Problem(
                    .impersonationNotAllowed,
                    detail: "Nobody acts in the name of an administrator, or of a suspended account.")
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
            try mailer.send(Email("impersonated", to: person.email, values: values), in: transaction)
            return person
        }
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

    /// Ends whatever administrators do in this person's name.
    func end(of id: ID<Person>, by scope: Scope) async throws(Problem) -> EndedSessions {
        let ended = try await database.write { [audit] transaction -> [ID<Session>] in
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
        sessions.revocations.note(ended, at: runtime.now())
        return EndedSessions(ended: ended.count)
    }
}
