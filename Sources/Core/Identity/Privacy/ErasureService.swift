import Audit
import Files
import Mail
import Modules
import Secrets

/// Somebody's wish to be forgotten.
struct Erasure: Sendable {
    let id: ID<Erasure>
    let person: ID<Person>
    let requestedAt: Instant
    let dueAt: Instant
    let begunAt: Instant?

    /// How long there is to change one's mind.
    static let grace: Duration = .days(14)
    /// How long a person is signed out before their rows go: by then every node has heard of it.
    static let signingOut: Duration = .minutes(1)
    /// How long an erasure waits that would leave an organisation without an owner.
    static let postponement: Duration = .days(1)
}

/// The verbs of erasures: ask for one, look at it, change one's mind.
struct ErasureService: Sendable {
    let database: any Database
    let holdings: [PersonalDataTable]
    let files: FileStore
    let confirmation: Confirmation
    let revocations: Revocations
    let queue: JobQueue
    let mailer: Mailer
    let audit: AuditService
    /// Where the page lies that the letter's link opens.
    let frontend: String
    let keepingKey: [UInt8]
    let runtime: Runtime

    init(
        identity: IdentityModule, holdings: [PersonalDataTable], files: FileStore, queue: JobQueue, mailer: Mailer,
        sealer: Sealer, audit: AuditService, runtime: Runtime
    ) {
        database = identity.database
        confirmation = identity.confirmation
        revocations = identity.revocations
        frontend = identity.frontend
        keepingKey = sealer.key(for: "keep an account")
        self.holdings = holdings
        self.files = files
        self.queue = queue
        self.mailer = mailer
        self.audit = audit
        self.runtime = runtime
    }

    /// Schedules an erasure. Asking again changes nothing.
    /// - Throws: what ``Confirmation`` throws; `sole-owner`.
    func request(_ request: ErasureRequest, scope: Scope) async throws(Problem) -> ErasureView {
        let id: ID<Erasure> = runtime.id()
        return try await confirmation.confirm(password: request.password, by: scope, for: "erasure.requested") {
            [audit, mailer, frontend, keepingKey] person, transaction in
            guard try transaction.organisationsOwnedAlone(by: scope.person) == 0 else {
                throw Problem(
                    .soleOwner, detail: "Make somebody else an owner of it first, or remove its other members.")
            }
            let isNew = try transaction.insertErasure(id, of: scope.person)
            guard let erasure = try transaction.erasure(of: scope.person) else { throw Problem(.notFound) }
            if isNew {
                try audit.record(
                    AuditEvent("erasure.requested", by: scope, subject: scope.person.text), in: transaction)
                let link =
                    "\(frontend)/keep-account?token=\(ErasureCancellationToken(of: erasure.id, key: keepingKey).text)"
                let values = ["name": person.callingName, "when": erasure.dueAt.description, "link": link]
                try mailer.send(Email("erasure-scheduled", to: person.email, values: values), in: transaction)
            }
            return ErasureView(erasure)
        }
    }

    func view(_ scope: Scope) async throws(Problem) -> ErasureView {
        ErasureView(try await database.read { try $0.erasure(of: scope.person) })
    }

    /// Calls it off by the link of the letter, for whoever reads the person's mail.
    /// - Throws: `not-found` for a link that never was one, or whose erasure was called off or has begun.
    func cancel(_ token: String, visitor: ClientInfo) async throws(Problem) -> ErasureView {
        guard let token = ErasureCancellationToken(token, key: keepingKey) else { throw Self.noErasure }
        return try await database.write { [audit] transaction in
            guard let erasure = try transaction.erasure(token.erasure),
                try transaction.cancelErasure(of: erasure.person)
            else { throw Self.noErasure }
            try audit.record(
                AuditEvent("erasure.cancelled", from: visitor, subject: erasure.person.text, details: ["by": "link"]),
                in: transaction)
            return ErasureView(nil)
        }
    }

    private static let noErasure = Problem(
        .notFound, detail: "This link does not lead to an erasure that could be called off.")

    /// Calls it off. Where nothing was scheduled nothing changes.
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

/// What the letter's link proves: that whoever opens it got the letter. It is good for one erasure, and does nothing but call it off.
struct ErasureCancellationToken: Sendable {
    let erasure: ID<Erasure>
    let text: String

    init(of erasure: ID<Erasure>, key: [UInt8]) {
        self.erasure = erasure
        text = Base64URL.encode(erasure.bytes + MessageAuthentication.code(erasure.bytes, key: key))
    }

    /// - Returns: nil for what was not made under `key`.
    init?(_ text: String, key: [UInt8]) {
        guard let bytes = Base64URL.decode(text), let erasure = ID<Erasure>(bytes: Array(bytes.prefix(16))) else {
            return nil
        }
        self.init(of: erasure, key: key)
        guard constantTimeEquals(self.text.utf8, text.utf8) else { return nil }
    }
}

extension ErasureView {
    init(_ erasure: Erasure?) {
        scheduled = erasure != nil
        requestedAt = erasure?.requestedAt
        dueAt = erasure?.dueAt
    }
}
