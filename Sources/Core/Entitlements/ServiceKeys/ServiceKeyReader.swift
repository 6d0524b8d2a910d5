import HTTPTypes
import Identity
import Modules
import Secrets

/// Authenticates requests with a service key, as a bearer token or in `X-API-Key`.
final class ServiceKeyReader: Sendable {
    /// The resolution of a key's `last_used_at`, and the interval between two writes of it.
    static let useResolution: Duration = .minutes(1)

    private let database: any Database
    private let member: Member
    private let runtime: Runtime
    private let logger: Logger
    /// Valid keys by the hash of their text.
    private let keys = TTLCache<[UInt8], ServiceKey>()
    private let uses = TTLCache<ID<ServiceKey>, Bool>(lifetime: useResolution, refreshesEarly: false)

    /// - Parameter member: records refusals of keys that are known.
    init(database: any Database, member: Member, runtime: Runtime, logger: Logger) {
        self.database = database
        self.member = member
        self.runtime = runtime
        self.logger = logger
    }

    var problems: [Problem.Kind] { [.authenticationFailed, .apiKeyExpired] }

    /// - Returns: nil for a request without a service key.
    /// - Throws: `authentication-failed`, `api-key-expired`.
    func key(of request: Request) async throws(Problem) -> ServiceKey? {
        guard let given = ServiceKeyCredential.text(in: request) else { return nil }
        let now = runtime.now()
        let hash = ServiceKeyText.hash(of: given)
        let key: ServiceKey
        if let cached = keys.value(for: hash, at: now) {
            key = cached
        } else {
            // A cached key is well formed: checking the form of each took most of the time of its look-up.
            guard let text = ServiceKeyText(given) else {
                throw Self.refusal("the service key is malformed or mistyped")
            }
            key = try await find(text.id, hash, request)
            keys.set(key, for: hash, at: now)
        }
        guard key.expiresAt.map({ $0 > now }) ?? true else {
            try await member.noteRefusal(ofServiceKey: key.id.text, needing: Self.valid, at: request)
            throw Problem(.apiKeyExpired, headers: Self.challenge)
        }
        await noteUse(of: key, at: now)
        return key
    }

    /// Empties this node's cache after a change that ends keys.
    func invalidateCache() { keys.invalidateAll() }

    private func find(_ id: ID<ServiceKey>, _ hash: [UInt8], _ request: Request) async throws(Problem) -> ServiceKey {
        let found = try await database.read { try $0.serviceKeyWithHash(id) }
        guard let (key, expected) = found else { throw Self.refusal("the service key is not known") }
        guard constantTimeEquals(Hex.encode(hash).utf8, expected.utf8) else {
            try await member.noteRefusal(ofServiceKey: id.text, needing: "its secret", at: request)
            throw Self.refusal("the service key is not known")
        }
        guard key.revokedAt == nil else {
            try await member.noteRefusal(ofServiceKey: id.text, needing: Self.valid, at: request)
            throw Self.refusal("the service key is not valid any more")
        }
        return key
    }

    /// What a key that is revoked or has expired lacks, in the audit trail.
    private static let valid = "a key that is valid"

    /// Writes the time of use, at most once per ``useResolution`` on each node. A failed write is logged and does not
    /// fail the request.
    private func noteUse(of key: ServiceKey, at now: Instant) async {
        guard key.lastUsedAt.map({ now - $0 >= Self.useResolution }) ?? true, uses.value(for: key.id, at: now) == nil
        else { return }
        uses.set(true, for: key.id, at: now)
        do {
            try await database.write { try $0.noteUse(ofServiceKey: key.id) }
        } catch {
            logger.warning("The last use of a service key could not be written.", metadata: ["cause": "\(error)"])
        }
    }

    private static let challenge = ["WWW-Authenticate": "Bearer error=\"invalid_token\""]

    private static func refusal(_ reason: String) -> Problem {
        Problem(.authenticationFailed, members: ["details": .string(reason)], headers: challenge)
    }
}
