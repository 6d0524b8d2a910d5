import Audit
import HTTPTypes
package import Modules
import Secrets

/// Authenticates requests with an API key in `X-API-Key` or as a bearer token.
final class APIKeyReader: CredentialReader {
    private let database: any Database
    private let audit: AuditService
    private let environment: String
    private let cache: APIKeyCache
    private let runtime: Runtime
    private let logger: Logger

    /// The resolution of a key's `last_used_at`, and the interval between two writes of it.
    static let useResolution: Duration = .minutes(1)

    /// - Parameter environment: one word that is part of every key. A key of another environment is refused without a
    ///   read of the database.
    init(
        database: any Database, audit: AuditService, environment: String, cache: APIKeyCache, runtime: Runtime,
        logger: Logger
    ) {
        self.database = database
        self.audit = audit
        self.environment = environment
        self.cache = cache
        self.runtime = runtime
        self.logger = logger
    }

    var problems: [Problem.Kind] { [.authenticationFailed, .apiKeyExpired] }

    func scope(of request: Request) async throws(Problem) -> Scope? {
        guard let given = Self.key(in: request) else { return nil }
        let now = runtime.now()
        let hash = KeyText.hash(of: given)
        let owner: APIKeyOwner
        if let cached = cache.owners.value(for: hash, at: now) {
            owner = cached
        } else {
            // A cached key is well formed: checking the form of each took most of the time of its look-up.
            guard let text = KeyText(given, environment: environment) else {
                throw Self.refusal("the API key is malformed or mistyped")
            }
            owner = try await findOwner(of: text.id, hash, request)
            cache.owners.set(owner, for: hash, at: now)
        }
        guard owner.key.expiresAt.map({ $0 > now }) ?? true else {
            throw Problem(.apiKeyExpired, headers: Self.challenge)
        }
        await noteUse(of: owner, at: now)
        return Scope(
            organisation: owner.key.organisation,
            person: owner.key.person,
            role: owner.role,
            credential: .key(owner.key.id, scopes: owner.scopes),
            impersonator: nil,
            requestID: request.requestID,
            address: request.address
        )
    }

    private static func key(in request: Request) -> String? {
        guard let header = request.headers.value(of: .authorization) else { return request.headers.value(of: .apiKey) }
        return BearerReader.token(in: header).flatMap { $0.utf8.starts(with: KeyText.marker.utf8) ? String($0) : nil }
    }

    private func findOwner(
        of id: ID<APIKey>, _ hash: [UInt8], _ request: Request
    ) async throws(Problem) -> APIKeyOwner {
        let lookup = try await database.read { [catalog = cache.scopes] transaction -> Lookup in
            guard let (key, expected) = try transaction.keyWithHash(id) else { return .unknown }
            guard constantTimeEquals(Hex.encode(hash).utf8, expected.utf8) else { return .wrongSecret(key) }
            guard key.revokedAt == nil, let person = try transaction.person(key.person), !person.isSuspended,
                try transaction.membership(of: key.person, in: key.organisation) != nil
            else { return .invalid }
            return .valid(APIKeyOwner(key: key, role: person.role, catalog: catalog))
        }
        switch lookup {
        case .valid(let owner): return owner
        case .invalid: throw Self.refusal("the API key is not valid any more")
        case .unknown: throw Self.refusal("the API key is not known")
        case .wrongSecret(let key):
            try await recordWrongSecret(key, request)
            throw Self.refusal("the API key is not known")
        }
    }

    /// Records the use of an existing key id with a wrong secret: at most one audit row per key and minute on each
    /// node.
    private func recordWrongSecret(_ key: APIKey, _ request: Request) async throws(Problem) {
        let now = runtime.now()
        guard cache.wrongSecrets.value(for: key.id, at: now) == nil else { return }
        cache.wrongSecrets.set(true, for: key.id, at: now)
        try await database.write { [audit] transaction in
            try audit.record(
                AuditEvent(
                    "api-key.used", outcome: .failure, organisation: key.organisation.text, subject: key.id.text,
                    address: request.address,
                    requestID: request.requestID, details: ["reason": "wrong secret"]),
                in: transaction
            )
        }
    }

    /// Writes the time of use, at most once per ``useResolution`` on each node. A failed write is logged and does not
    /// fail the request.
    private func noteUse(of owner: APIKeyOwner, at now: Instant) async {
        let id = owner.key.id
        guard owner.key.lastUsedAt.map({ now - $0 >= Self.useResolution }) ?? true,
            cache.uses.value(for: id, at: now) == nil
        else { return }
        cache.uses.set(true, for: id, at: now)
        do {
            try await database.write { try $0.noteUse(of: id) }
        } catch {
            logger.warning("The last use of an API key could not be written.", metadata: ["cause": "\(error)"])
        }
    }

    private enum Lookup: Sendable {
        case valid(APIKeyOwner)
        case invalid, unknown
        case wrongSecret(APIKey)
    }

    private static let challenge = ["WWW-Authenticate": "Bearer error=\"invalid_token\""]

    private static func refusal(_ reason: String) -> Problem {
        Problem(.authenticationFailed, members: ["details": .string(reason)], headers: challenge)
    }
}

extension Problem.Kind {
    package static let apiKeyExpired = Self("api-key-expired", "The API key has expired", status: 401)
}
