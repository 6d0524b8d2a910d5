import Audit
import Mail
import Modules
import Secrets

/// Schedules, shows and cancels erasures.
final class ErasureService: Sendable {
    private let database: any Database
    private let confirmation: Confirmation
    private let events: IdentityEvents
    private let mailer: Mailer
    private let audit: AuditService
    private let frontend: String
    private let cancellationKey: [UInt8]
    private let runtime: Runtime

    /// - Parameter frontend: the base URL of the page that the link in the e-mail opens, without a slash at its end.
    init(
        database: any Database, confirmation: Confirmation, events: IdentityEvents, mailer: Mailer, sealer: Sealer,
        audit: AuditService, frontend: String, runtime: Runtime
    ) {
        self.database = database
        self.confirmation = confirmation
        self.events = events
        self.mailer = mailer
        self.audit = audit
        self.frontend = frontend
        self.runtime = runtime
        cancellationKey = sealer.key(for: "erasure cancellation")
    }

    /// Schedules an erasure. A repeated request changes nothing.
    /// - Throws: what ``Confirmation`` throws; `sole-owner`, `last-administrator`; `not-settled` while money of the
    ///   person's organisations is on its way, or others have paid for their work.
    func request(_ payload: ErasureRequest, scope: Scope) async throws(Problem) -> ErasureView {
        let id: ID<Erasure> = runtime.id()
        return try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode), demanding: .passwordAndCode,
            by: scope, for: "erasure.requested", preparing: { try $0.lockAdministrators() }
        ) { [events, audit, mailer, frontend, cancellationKey] person, transaction in
            if let refusal = try transaction.refusal(ofErasing: person, .requested, events) { throw refusal }
            let isNew = try transaction.insertErasure(id, of: scope.person)
            guard let erasure = try transaction.erasure(of: scope.person) else { throw Problem(.notFound) }
            if isNew {
                try audit.record(
                    AuditEvent("erasure.requested", by: scope, subject: scope.person.text), in: transaction)
                let token = ErasureCancellationToken(of: erasure.id, key: cancellationKey).text
                let values = [
                    "name": person.callingName, "when": erasure.dueAt.description,
                    "link": "\(frontend)/keep-account?token=\(token)",
                ]
                try mailer.send(
                    Email("erasure-scheduled", to: person.email, values: values), ifVerified: person, in: transaction)
            }
            return ErasureView(erasure)
        }
    }

    func view(_ scope: Scope) async throws(Problem) -> ErasureView {
        ErasureView(try await database.read { try $0.erasure(of: scope.person) })
    }

    /// Cancels an erasure by the token of its e-mail.
    /// - Throws: `not-found` for an invalid token, and for an erasure that was cancelled or has begun.
    func cancel(_ token: String, client: ClientInfo) async throws(Problem) -> ErasureView {
        guard let token = ErasureCancellationToken(token, key: cancellationKey) else { throw Self.notCancellable }
        return try await database.write { [audit] transaction in
            guard let erasure = try transaction.erasure(token.erasure),
                try transaction.cancelErasure(of: erasure.person)
            else { throw Self.notCancellable }
            try audit.record(
                AuditEvent("erasure.cancelled", from: client, subject: erasure.person.text, details: ["by": "link"]),
                in: transaction)
            return ErasureView(nil)
        }
    }

    private static let notCancellable = Problem(
        .notFound, detail: "This link does not belong to an erasure that can be cancelled.")

    /// Cancels the caller's erasure. Without a scheduled erasure nothing changes.
    func cancel(_ scope: Scope) async throws(Problem) -> ErasureView {
        try await database.write { [audit] transaction in
            if try transaction.cancelErasure(of: scope.person) {
                try audit.record(
                    AuditEvent("erasure.cancelled", by: scope, subject: scope.person.text), in: transaction)
            }
            return ErasureView(try transaction.erasure(of: scope.person))
        }
    }
}

extension Transaction {
    /// As ``refusal(ofLeaving:_:)``, and `not-settled` while something of the person's organisations has to be settled.
    func refusal(ofErasing person: Person, _ succession: Succession, _ events: IdentityEvents) throws -> Problem? {
        if let refusal = try refusal(ofLeaving: person, succession) { return refusal }
        return try events.refusal(ofErasing: dataSubject(person.id).organisations, in: self)
    }
}

extension Problem.Kind {
    static let notSettled = Self("not-settled", "Something of yours has to be settled first", status: 409)
    static let soleOwner = Self(
        "sole-owner", "You are the last owner of an organisation with other members", status: 409)
}
