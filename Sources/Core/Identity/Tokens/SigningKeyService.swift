import Audit
package import Modules
import Secrets

/// Creates, rotates and deletes signing keys. Every transition is made once, however many nodes attempt it.
package final class SigningKeyService: Sendable {
    private let database: any Database
    private let sealer: Sealer
    private let audit: AuditService
    private let runtime: Runtime
    private let algorithm: SigningAlgorithm
    /// The secret of HS256.
    private let secret: String
    /// How long a key signs; nil for ever.
    let keyLifetime: Duration?
    /// The longest lifetime of an access token.
    private let tokenLifetime: Duration

    init(database: any Database, sealer: Sealer, audit: AuditService, settings: IdentitySettings, runtime: Runtime) {
        self.database = database
        self.sealer = sealer
        self.audit = audit
        self.runtime = runtime
        algorithm = settings.signingAlgorithm
        secret = settings.signingSecret
        keyLifetime = settings.signingAlgorithm == .hs256 ? nil : settings.signingKeyLifetime
        tokenLifetime = settings.tokenLifetimeMax
    }

    /// All keys: the next, the current, and the previous ones, latest first.
    package func list() async throws(Problem) -> [SigningKey] {
        try await database.read { try $0.signingKeys().map(\.key) }
    }

    /// Gives the current key a successor.
    /// - Parameter now: true lets it sign at once, before clients that cache the key set can have it; false waits for
    ///   ``SigningKey/published(at:)``.
    /// - Returns: all keys after that, in the order of ``list()``.
    /// - Throws: `key-not-rotatable` with HS256.
    package func rotate(now isImmediate: Bool) async throws(Problem) -> [SigningKey] {
        guard algorithm != .hs256 else { throw Problem(.keyNotRotatable) }
        let keys = try await list()
        guard let current = keys.first(where: { $0.state == .current }) else {
            preconditionFailure("there is always a current signing key")
        }
        return try await replace(current, now: isImmediate)
    }

    /// Replaces `current` and no other key: of two concurrent replacements of one key, one takes effect.
    func replace(_ current: SigningKey, now isImmediate: Bool) async throws(Problem) -> [SigningKey] {
        if try await !list().contains(where: { $0.state == .next }) {
            try await publish(after: current, reason: "command")
        }
        try await database.write { [self] transaction in
            let keys = try transaction.lockedSigningKeys()
            guard let old = keys.first(where: { $0.id == current.id && $0.state == .current }),
                let next = keys.first(where: { $0.state == .next }),
                isImmediate || next.isDue(at: transaction.now)
            else { return }
            try replace(old, by: next, reason: "command", in: transaction)
        }
        return try await list()
    }

    /// Creates the current key of the configured algorithm where it is missing: at the first start, and at the first
    /// start after a change of the algorithm or of HS256's secret. The key before it becomes previous.
    /// - Throws: ``SealedUnderAnotherKey``; errors of the database.
    func prepare() async throws {
        let stored = try await database.read { try $0.signingKeys() }
        if let current = stored.first(where: { $0.key.state == .current }), try isAsConfigured(current) {
            try await database.write { [tokenLifetime] in try $0.raiseTokenLifetime(to: tokenLifetime) }
            return
        }
        let (id, sealed) = try await generate()
        try await database.write { [audit, algorithm, tokenLifetime] transaction in
            // Of two nodes that start at once, the one whose current key is still current replaces it.
            let current = try transaction.lockedSigningKeys().first { $0.state == .current }
            guard current?.id == stored.first(where: { $0.key.state == .current })?.key.id else { return }
            // The next key was generated for another algorithm or secret.
            if let discarded = try transaction.discardNextSigningKey() {
                try audit.record(AuditEvent("signing-key.removed", subject: discarded.text), in: transaction)
            }
            if var old = current {
                old.retire(at: transaction.now)
                guard try transaction.update(old, from: .current) else { return }
            }
            let key = SigningKey(
                id, algorithm, .current, createdAt: transaction.now, signsFrom: transaction.now,
                tokenLifetime: tokenLifetime)
            guard try transaction.insert(key, sealed: sealed) else { return }
            let details = ["algorithm": algorithm.rawValue, "reason": "configuration"]
            try audit.record(AuditEvent("signing-key.activated", subject: id.text, details: details), in: transaction)
        }
    }

    /// Makes the transitions that are due: a published next key becomes current, a previous key whose tokens have
    /// expired is deleted, and a current key of full age gets a successor. Safe to run twice, and on several nodes.
    func makeDueTransitions() async throws(Problem) {
        try await database.write { [self] transaction in
            let keys = try transaction.lockedSigningKeys()
            if let next = keys.first(where: { $0.isDue(at: transaction.now) }),
                let current = keys.first(where: { $0.state == .current })
            {
                try replace(current, by: next, reason: "schedule", in: transaction)
            }
            for id in try transaction.deleteExpiredSigningKeys() {
                try audit.record(AuditEvent("signing-key.removed", subject: id.text), in: transaction)
            }
        }
        let (keys, now) = try await database.read { (try $0.signingKeys().map(\.key), $0.now) }
        guard let keyLifetime, let current = keys.first(where: { $0.state == .current }),
            current.isOld(at: now, lifetime: keyLifetime),
            !keys.contains(where: { $0.state == .next })
        else { return }
        try await publish(after: current, reason: "schedule")
    }

    private func publish(after current: SigningKey, reason: String) async throws(Problem) {
        let (id, sealed) = try await Problem.catching { try await generate() }
        try await database.write { [audit, algorithm, tokenLifetime] transaction in
            guard try transaction.lockedSigningKeys().contains(where: { $0.id == current.id && $0.state == .current })
            else { return }
            let now = transaction.now
            let key = SigningKey(
                id, algorithm, .next, createdAt: now, signsFrom: SigningKey.published(at: now),
                tokenLifetime: tokenLifetime)
            guard try transaction.insert(key, sealed: sealed) else { return }
            let details = ["algorithm": algorithm.rawValue, "reason": reason]
            try audit.record(AuditEvent("signing-key.created", subject: id.text, details: details), in: transaction)
        }
    }

    private func replace(_ current: SigningKey, by next: SigningKey, reason: String, in transaction: Transaction) throws
    {
        var (current, next) = (current, next)
        current.retire(at: transaction.now)
        next.activate(at: transaction.now)
        // The old one first: a unique index allows one current key.
        guard try transaction.update(current, from: .current), try transaction.update(next, from: .next) else {
            throw Problem(.conflict)
        }
        let details = ["algorithm": next.algorithm.rawValue, "reason": reason]
        try audit.record(AuditEvent("signing-key.activated", subject: next.id.text, details: details), in: transaction)
    }

    private func generate() async throws -> (ID<SigningKey>, sealed: String) {
        let id: ID<SigningKey> = runtime.id()
        // On a thread of its own: the search for primes would block a thread of the cooperative pool.
        let bytes = try await BlockingPool(name: "signing-key", threads: 1, capacity: 1).run { [algorithm] in
            try algorithm.generatePrivateKey()
        }
        return (id, try sealer.seal(bytes ?? Array(secret.utf8), context: id.text))
    }

    private func isAsConfigured(_ stored: SealedSigningKey) throws -> Bool {
        guard stored.key.algorithm == algorithm else { return false }
        guard let secret = try? sealer.open(stored.sealed, context: stored.key.id.text) else {
            throw SealedUnderAnotherKey()
        }
        return algorithm != .hs256 || constantTimeEquals(secret, self.secret.utf8)
    }
}

/// The signing keys in the database were sealed under another secret than the configured one.
struct SealedUnderAnotherKey: Error, CustomStringConvertible {
    var description: String {
        """
        The signing keys in this database were sealed under another secret. Start with the SECRET_KEY or \
        ENCRYPTION_KEY that the database was created with, or with the data folder that holds its secret.key.
        """
    }
}

extension Problem.Kind {
    package static let keyNotRotatable = Self(
        "key-not-rotatable",
        "With HS256 the key is JWT_SECRET: change it there and restart; "
            + "access tokens signed with the old key stay valid until they expire",
        status: 409)
}
