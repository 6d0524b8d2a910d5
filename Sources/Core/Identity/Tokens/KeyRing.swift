import JWTKit
package import Modules
import Secrets
import Synchronization

/// The signing keys, opened and kept in memory on every node. A node learns of a rotation by reading the table twice a second.
package final class KeyRing: PollingRefresher, Sendable {
    /// A key ready for use.
    struct Opened: Sendable {
        let key: SigningKey
        let signer: any JWTAlgorithm
        let published: JSONWebKeys.Key?

        func signature(for text: String) throws -> [UInt8] { try signer.sign(Array(text.utf8)) }

        /// What throws here is a signature that is none, such as one of the wrong length.
        func isSignature(_ signature: [UInt8], for text: String) -> Bool {
            (try? signer.verify(signature, signs: Array(text.utf8))) ?? false
        }
    }

    private struct State {
        var keys: [String: Opened]
        var current: Opened
        var published: JSONWebKeys
        /// The database's time when the keys were read.
        var readAt: Instant
        /// Our own time then.
        var lookedAt: Instant
    }

    private let database: any Database
    private let sealer: Sealer
    private let runtime: Runtime
    package let logger: Logger
    package let subject = "Signing keys"
    private let state: Mutex<State>

    /// Who has not looked for this long looks before using a key: others may have rotated meanwhile.
    private static let staleAfter: Duration = .seconds(2)
    /// A key that is not known is looked for at most so often, whoever asks.
    private static let patience: Duration = .seconds(1)

    /// Reads the keys of this installation.
    /// - Throws: ``SealedUnderAnotherKey``, or what keeps the database from being read.
    init(database: any Database, sealer: Sealer, runtime: Runtime, logger: Logger) async throws {
        self.database = database
        self.sealer = sealer
        self.runtime = runtime
        self.logger = logger
        guard let first = try await Self.read(database, sealer, runtime, known: [:]) else {
            preconditionFailure("there is always a current signing key")
        }
        state = Mutex(first)
    }

    /// The key that signs now.
    func current() async throws(Problem) -> Opened {
        try await lookWhereStale()
        return state.withLock { $0.current }
    }

    /// - Returns: nil for a key that never was ours, or is no longer.
    func key(_ kid: String) async throws(Problem) -> Opened? {
        try await lookWhereStale()
        let now = runtime.now()
        let (known, lookedAt) = state.withLock { ($0.keys[kid], $0.lookedAt) }
        if let known { return known.key.isHonoured(at: now) ? known : nil }
        guard now - lookedAt >= Self.patience else { return nil }
        try await synchronize()
        return state.withLock { $0.keys[kid] }
    }

    /// The public halves, as `/.well-known/jwks.json` shows them.
    func published() async throws(Problem) -> JSONWebKeys {
        try await lookWhereStale()
        let now = runtime.now()
        return state.withLock { state in
            // What ran out since the last look is not shown either.
            JSONWebKeys(keys: state.published.keys.filter { state.keys[$0.kid]?.key.isHonoured(at: now) ?? false })
        }
    }

    private func lookWhereStale() async throws(Problem) {
        let lookedAt = state.withLock { $0.lookedAt }
        if runtime.now() - lookedAt > Self.staleAfter { try await synchronize() }
    }

    /// Reads the table.
    package func synchronize() async throws(Problem) {
        let known = state.withLock { $0.keys }
        let (database, sealer, runtime) = (database, sealer, runtime)
        let read = try await Problem.catching { try await Self.read(database, sealer, runtime, known: known) }
        guard let read else { return }
        // Two looks at once may end in either order.
        state.withLock { if read.readAt >= $0.readAt { $0 = read } }
    }

    /// - Parameter known: keys that need not be opened again.
    /// - Returns: nil where no key is current.
    private static func read(_ database: any Database, _ sealer: Sealer, _ runtime: Runtime, known: [String: Opened])
        async throws -> State?
    {
        let lookedAt = runtime.now()
        let (stored, readAt) = try await database.read { (try $0.signingKeys(), $0.now) }
        var keys: [String: Opened] = [:]
        var published: [JSONWebKeys.Key] = []
        for entry in stored {
            let kid = entry.key.id.text
            let opened: Opened
            if let before = known[kid] {
                opened = Opened(key: entry.key, signer: before.signer, published: before.published)
            } else {
                guard let secret = try? sealer.open(entry.sealed, context: kid) else { throw SealedUnderAnotherKey() }
                let (signer, publicHalf) = try await entry.key.algorithm.open(secret, kid: kid)
                opened = Opened(key: entry.key, signer: signer, published: publicHalf)
            }
            keys[kid] = opened
            if let publicHalf = opened.published { published.append(publicHalf) }
        }
        guard let current = keys.values.first(where: { $0.key.state == .current }) else { return nil }
        return State(
            keys: keys, current: current, published: JSONWebKeys(keys: published), readAt: readAt, lookedAt: lookedAt)
    }
}
