import Audit
package import Modules
import Secrets

/// The verbs of signing keys: each makes one move of their life, whoever else is at it meanwhile.
struct KeyRotation: Sendable {
    let database: any Database
    let sealer: Sealer
    let audit: AuditService
    let runtime: Runtime
    let algorithm: SigningAlgorithm
    /// The secret of HS256.
    let secret: String
    /// How long a key signs; nil for ever.
    let keyLifetime: Duration?
    /// The longest life of an access token.
    let tokenLifetime: Duration

    init(database: any Database, sealer: Sealer, audit: AuditService, settings: IdentitySettings, runtime: Runtime) {
        self.database = database
        self.sealer = sealer
        self.audit = audit
        self.runtime = runtime
        algorithm = settings.signingAlgorithm
        secret = settings.signingSecret
        keyLifetime = settings.signingAlgorithm == .hs256 ? nil : settings.signingKeyLifetime
        tokenLifetime = settings.longestTokenLifetime
    }

    /// Sees to it that there is a current key of the configured algorithm: the first start makes one, and so does the first start with
    /// another setting. What was current is honoured as long as it has to be.
    func prepare() async throws {
        let stored = try await database.read { try $0.signingKeys() }
        if let current = stored.first(where: { $0.key.state == .current }), try isAsConfigured(current) {
            try await database.write { [tokenLifetime] in try $0.raiseTokenLifetime(to: tokenLifetime) }
            return
        }
        let (id, sealed) = try await make()
        try await database.write { [audit, algorithm, tokenLifetime] transaction in
            // Two nodes may start at once: whoever saw the key that is still current wins, and the other takes what won.
            let current = try transaction.lockedSigningKeys().first { $0.state == .current }
            guard current?.id == stored.first(where: { $0.key.state == .current })?.key.id else { return }
            // What waited to follow was made for another algorithm or secret.
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
            try audit.record(
                AuditEvent(
                    "signing-key.activated", subject: id.text,
                    details: ["algorithm": algorithm.rawValue, "reason": "configuration"]), in: transaction)
        }
    }

    /// What time has made due: a next key that everybody knows begins to sign, a previous key whose tokens ran out is deleted, and a
    /// key that has signed long enough gets a successor. Doing so twice, or on two nodes at once, makes each move once.
    func turn() async throws(Problem) {
        try await database.write { [audit] transaction in
            let keys = try transaction.lockedSigningKeys()
            if let next = keys.first(where: { $0.isDue(at: transaction.now) }),
                let current = keys.first(where: { $0.state == .current })
            {
                try replace(current, by: next, reason: "schedule", in: transaction)
            }
            for id in try transaction.deleteSigningKeysRunOut() {
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

    /// Gives the current key a successor.
    /// - Parameter now: whether it signs at once, before those who cache our keys can know it; otherwise it does when they do.
    /// - Returns: all keys as they are then.
    /// - Throws: `key-not-rotatable` with HS256.
    func rotate(now isImmediate: Bool) async throws(Problem) -> [SigningKey] {
        guard algorithm != .hs256 else { throw Problem(.keyNotRotatable) }
        let keys = try await list()
        guard let current = keys.first(where: { $0.state == .current }) else {
            preconditionFailure("there is always a current signing key")
        }
        return try await replace(current, now: isImmediate)
    }

    /// Replaces `current`, and no other key: of two who saw the same one and replace it, one does.
    func replace(_ current: SigningKey, now isImmediate: Bool) async throws(Problem) -> [SigningKey] {
        if try await !list().contains(where: { $0.state == .next }) {
            try await publish(after: current, reason: "command")
        }
        try await database.write { transaction in
            let keys = try transaction.lockedSigningKeys()
            guard let old = keys.first(where: { $0.id == current.id && $0.state == .current }),
                let next = keys.first(where: { $0.state == .next }),
                isImmediate || next.isDue(at: transaction.now)
            else { return }
            try replace(old, by: next, reason: "command", in: transaction)
        }
        return try await list()
    }

    /// All keys: the next, the current, and the previous ones, latest first.
    func list() async throws(Problem) -> [SigningKey] { try await database.read { try $0.signingKeys().map(\.key) } }

    private func publish(after current: SigningKey, reason: String) async throws(Problem) {
        let (id, sealed) = try await Problem.catching { try await make() }
        try await database.write { [audit, algorithm, tokenLifetime] transaction in
            guard try transaction.lockedSigningKeys().contains(where: { $0.id == current.id && $0.state == .current })
            else { return }
            let now = transaction.now
            let key = SigningKey(
                id, algorithm, .next, createdAt: now, signsFrom: SigningKey.known(publishedAt: now),
                tokenLifetime: tokenLifetime)
            guard try transaction.insert(key, sealed: sealed) else { return }
            try audit.record(
                AuditEvent(
                    "signing-key.created", subject: id.text,
                    details: ["algorithm": algorithm.rawValue, "reason": reason]), in: transaction)
        }
    }

    private func replace(_ current: SigningKey, by next: SigningKey, reason: String, in transaction: Transaction) throws
    {
        var (current, next) = (current, next)
        current.retire(at: transaction.now)
        next.activate(at: transaction.now)
        // The old one first: there is never more than one current key.
        guard try transaction.update(current, from: .current), try transaction.update(next, from: .next) else {
            throw Problem(.conflict)
        }
        try audit.record(
            AuditEvent(
                "signing-key.activated", subject: next.id.text,
                details: ["algorithm": next.algorithm.rawValue, "reason": reason]), in: transaction)
    }

    private func make() async throws -> (ID<SigningKey>, sealed: String) {
        let id: ID<SigningKey> = runtime.id()
        // A thread of its own: looking for primes takes longer than anybody else may wait.
        let bytes = try await BlockingPool(name: "signing-key", threads: 1, capacity: 1).run { [algorithm] in
            try algorithm.makeSecret()
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

// MARK: By the clock

extension KeyRotation {
    struct Turn: Job {
        static let name = "identity.rotate-keys"
    }

    /// A tick is a look; only where something is due does it become a job.
    var schedule: Schedule {
        Schedule(id: Turn.name, .every(.minutes(5))) { [keyLifetime] _, queue, transaction in
            guard try transaction.isKeyRotationDue(lifetime: keyLifetime) else { return }
            try queue.enqueue(Turn(), JobOptions(uniqueKey: "turn"), in: transaction)
        }
    }

    var worker: Worker {
        Worker(Turn.self) { _, _ in
            try await turn()
            return .done
        }
    }
}

/// The database belongs to an installation with another secret.
struct SealedUnderAnotherKey: Error, CustomStringConvertible {
    var description: String {
        """
        The signing keys in this database were sealed under another secret. Start with the SECRET_KEY or ENCRYPTION_KEY that it was begun with, \
        or with the data folder that holds its secret.key.
        """
    }
}

extension Problem.Kind {
    package static let keyNotRotatable = Self(
        "key-not-rotatable",
        "With HS256 the key is JWT_SECRET: change it there and restart; tokens of the old one stay good until they run out",
        status: 409)
}
