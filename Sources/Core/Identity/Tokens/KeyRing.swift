package import Modules
import Secrets
import Synchronization

/// The decrypted signing keys, cached in memory on every node and refreshed from the table twice a second.
package final class KeyRing: PollingRefresher, Sendable {
    /// A decrypted key.
    struct Opened: Sendable {
        let key: SigningKey
        let signatureKey: SignatureKey
        /// Nil for HS256.
        let published: JSONWebKey?

        init(_ key: SigningKey, _ signatureKey: SignatureKey) {
            self.key = key
            self.signatureKey = signatureKey
            published = signatureKey.publicNumbers.map {
                JSONWebKey($0, alg: key.algorithm.rawValue, kid: key.id.text)
            }
        }

        func signature(for text: String) throws -> [UInt8] { try signatureKey.signature(for: Array(text.utf8)) }

        func isSignature(_ signature: [UInt8], for text: String) -> Bool {
            signatureKey.isValid(signature, for: Array(text.utf8))
        }
    }

    private struct State {
        var keys: [String: Opened]
        var current: Opened
        var published: JSONWebKeySet
        /// The database's time of the read.
        var readAt: Instant
        /// This node's time when the read began.
        var checkedAt: Instant
    }

    private let database: any Database
    private let sealer: Sealer
    private let runtime: Runtime
    package let logger: Logger
    package let subject = "Signing keys"
    private let state: Mutex<State>

    /// Keys that were read longer ago than this are read again before use: another node may have rotated them.
    private static let staleAfter: Duration = .seconds(2)
    /// An unknown key id causes a read at most this often, for all clients together.
    private static let unknownKeyInterval: Duration = .seconds(1)

    /// Reads the keys of this installation.
    /// - Throws: ``SealedUnderAnotherKey``; errors of the database.
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
        try await refreshIfStale()
        return state.withLock { $0.current }
    }

    /// - Returns: nil for an unknown key id, and for a previous key that no longer verifies tokens.
    func key(_ kid: String) async throws(Problem) -> Opened? {
        try await refreshIfStale()
        let now = runtime.now()
        let (known, checkedAt) = state.withLock { ($0.keys[kid], $0.checkedAt) }
        if let known { return known.key.isHonoured(at: now) ? known : nil }
        guard now - checkedAt >= Self.unknownKeyInterval else { return nil }
        try await synchronize()
        return state.withLock { $0.keys[kid] }
    }

    /// The public keys that verify tokens now.
    func published() async throws(Problem) -> JSONWebKeySet {
        try await refreshIfStale()
        let now = runtime.now()
        return state.withLock { state in
            JSONWebKeySet(keys: state.published.keys.filter { state.keys[$0.kid]?.key.isHonoured(at: now) ?? false })
        }
    }

    private func refreshIfStale() async throws(Problem) {
        let checkedAt = state.withLock { $0.checkedAt }
        if runtime.now() - checkedAt > Self.staleAfter { try await synchronize() }
    }

    /// Reads the table.
    package func synchronize() async throws(Problem) {
        let known = state.withLock { $0.keys }
        let (database, sealer, runtime) = (database, sealer, runtime)
        let read = try await Problem.catching { try await Self.read(database, sealer, runtime, known: known) }
        guard let read else { return }
        // Two concurrent reads may end in either order.
        state.withLock { if read.readAt >= $0.readAt { $0 = read } }
    }

    /// - Parameter known: keys that are decrypted already.
    /// - Returns: nil where no key is current.
    private static func read(_ database: any Database, _ sealer: Sealer, _ runtime: Runtime, known: [String: Opened])
        async throws -> State?
    {
        let checkedAt = runtime.now()
        let (stored, readAt) = try await database.read { (try $0.signingKeys(), $0.now) }
        var keys: [String: Opened] = [:]
        var published: [JSONWebKey] = []
        for entry in stored {
            let kid = entry.key.id.text
            let opened: Opened
            if let before = known[kid] {
                opened = Opened(entry.key, before.signatureKey)
            } else {
                guard let secret = try? sealer.open(entry.sealed, context: kid) else { throw SealedUnderAnotherKey() }
                opened = Opened(entry.key, try entry.key.algorithm.key(from: secret))
            }
            keys[kid] = opened
            if let key = opened.published { published.append(key) }
        }
        guard let current = keys.values.first(where: { $0.key.state == .current }) else { return nil }
        return State(
            keys: keys, current: current, published: JSONWebKeySet(keys: published), readAt: readAt,
            checkedAt: checkedAt)
    }
}
