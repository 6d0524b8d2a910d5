import Audit
import HTTPTypes
package import Modules
import Secrets

/// An API key, in `X-API-Key` or as a bearer token.
struct APIKeyReader: CredentialReader {
    let database: any Database
    let audit: AuditService
    /// One word, part of every key: a key of another installation's kind is refused unread.
    let environment: String
    let runtime: Runtime
    let logger: Logger
    private let memory: APIKeyCache

    /// How exactly it is known when a key was last used, in time and in writes.
    static let useResolution: Duration = .minutes(1)

    init(
        database: any Database, audit: AuditService, environment: String, memory: APIKeyCache, runtime: Runtime,
        logger: Logger
    ) {
        self.database = database
        self.audit = audit
        self.environment = environment
        self.memory = memory
        self.runtime = runtime
        self.logger = logger
    }

    var problems: [Problem.Kind] { [.authenticationFailed, .apiKeyExpired] }

    func scope(of call: Request) async throws(Problem) -> Scope? {
        guard let shown = Self.shown(by: call) else { return nil }
        guard let text = KeyText(shown, environment: environment) else {
            throw Self.refusal("the API key is malformed or mistyped")
        }
        let now = runtime.now()
        let hash = text.hash
        let holder: APIKeyOwner
        if let known = memory.holders.value(for: hash, at: now) {
            holder = known
        } else {
            holder = try await findHolder(of: text.id, hash, call)
            memory.holders.remember(holder, for: hash, at: now)
        }
        guard holder.key.expiresAt.map({ $0 > now }) ?? true else {
            throw Problem(.apiKeyExpired, headers: Self.challenge)
        }
        await noteUse(of: holder, at: now)
        return Scope(
            organisation: holder.key.organisation,
            person: holder.key.person,
            role: holder.role,
            credential: .key(holder.key.id, scopes: holder.scopes),
            impersonator: nil,
            requestID: call.requestID,
            address: call.address
        )
    }

    /// The `Authorization` header may hold a key as well.
    private static func shown(by call: Request) -> String? {
        guard let header = call.headers.value(of: .authorization) else { return call.headers.value(of: .apiKey) }
        return BearerReader.token(in: header).flatMap { $0.hasPrefix(KeyText.marker) ? String($0) : nil }
    }

    private func findHolder(of id: ID<APIKey>, _ hash: [UInt8], _ call: Request) async throws(Problem) -> APIKeyOwner {
        let found = try await database.read { transaction -> Finding in
            guard let (key, expected) = try transaction.keyAtTheDoor(id) else { return .unknown }
            guard constantTimeEquals(Hex.encode(hash).utf8, expected.utf8) else { return .wrong(key) }
            guard key.revokedAt == nil, let person = try transaction.person(key.person), !person.isSuspended,
                try transaction.membership(of: key.person, in: key.organisation) != nil
            else { return .over }
            return .good(APIKeyOwner(key: key, role: person.role))
        }
        switch found {
        case .good(let holder): return holder
        case .over: throw Self.refusal("the API key is not valid any more")
        case .unknown: throw Self.refusal("the API key is not known")
        case .wrong(let key):
            try await recordWrongSecret(key, call)
            throw Self.refusal("the API key is not known")
        }
    }

    /// Somebody knows a key's id and not its secret: one row a minute says so, however often it is tried.
    private func recordWrongSecret(_ key: APIKey, _ call: Request) async throws(Problem) {
        let now = runtime.now()
        guard memory.wrongSecrets.value(for: key.id, at: now) == nil else { return }
        memory.wrongSecrets.remember(true, for: key.id, at: now)
        try await database.write { [audit] transaction in
            try audit.record(
                AuditEvent(
                    "api-key.used", outcome: .failure, organisation: key.organisation.text, subject: key.id.text,
                    address: call.address,
                    requestID: call.requestID, details: ["reason": "wrong secret"]),
                in: transaction
            )
        }
    }

    /// Writes when the key was used, at most once a minute on each node; a request does not fail because this did.
    private func noteUse(of holder: APIKeyOwner, at now: Instant) async {
        let id = holder.key.id
        guard holder.key.lastUsedAt.map({ now - $0 >= Self.useResolution }) ?? true,
            memory.uses.value(for: id, at: now) == nil
        else { return }
        memory.uses.remember(true, for: id, at: now)
        do {
            try await database.write { try $0.noteUse(of: id) }
        } catch {
            logger.warning("The use of an API key could not be noted.", metadata: ["cause": "\(error)"])
        }
    }

    private enum Finding: Sendable {
        case good(APIKeyOwner)
        case over, unknown
        case wrong(APIKey)
    }

    private static let challenge = ["WWW-Authenticate": "Bearer error=\"invalid_token\""]

    private static func refusal(_ reason: String) -> Problem {
        Problem(.authenticationFailed, members: ["details": .string(reason)], headers: challenge)
    }
}

/// A key that was found good, and what its owner is now.
struct APIKeyOwner: Sendable {
    let key: APIKey
    let role: Role
    let scopes: Set<KeyScope>

    init(key: APIKey, role: Role) {
        self.key = key
        self.role = role
        scopes = KeyScope.effective(key.scopes, for: role)
    }
}

/// What a node remembers of the keys it has seen: the good ones by the hash of their text, and when it last wrote about one.
struct APIKeyCache: Sendable {
    let holders = TTLCache<[UInt8], APIKeyOwner>()
    let uses = TTLCache<ID<APIKey>, Bool>(lifetime: APIKeyReader.useResolution, asksEarly: false)
    let wrongSecrets = TTLCache<ID<APIKey>, Bool>(lifetime: .minutes(1), asksEarly: false)
}

extension Problem.Kind {
    package static let apiKeyExpired = Self("api-key-expired", "The API key has expired", status: 401)
}
