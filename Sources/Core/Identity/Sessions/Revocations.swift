package import Modules
import Synchronization

/// The revoked sessions whose access tokens may be unexpired, cached in memory on every node.
///
/// A node adds its own revocations at once, and those of other nodes by reading the table twice a second.
package final class Revocations: PollingRefresher, Sendable {
    private struct State {
        var sessions: [ID<Session>: Instant] = [:]
        var readUpTo: Instant
    }

    private let database: any Database
    private let runtime: Runtime
    package let logger: Logger
    package let subject = "Revocations"
    /// How long an entry is kept: longer than any access token is valid.
    private let horizon: Duration
    private let state: Mutex<State>

    /// How far each read looks back: a transaction may commit after one that began later.
    private static let overlap: Duration = .seconds(60)
    /// Rows a read.
    private static let batch = 10_000

    init(database: any Database, tokenLifetime: Duration, runtime: Runtime, logger: Logger) {
        self.database = database
        self.runtime = runtime
        self.logger = logger
        horizon = tokenLifetime + .minutes(5)
        state = Mutex(State(readUpTo: runtime.now() - horizon))
    }

    func note(_ ids: [ID<Session>], at instant: Instant) {
        state.withLock { state in
            for id in ids { state.sessions[id] = instant }
        }
    }

    func contains(_ id: ID<Session>) -> Bool { state.withLock { $0.sessions[id] != nil } }

    /// Reads what other nodes revoked since the last read, and drops entries older than every access token.
    package func synchronize() async throws(Problem) {
        var since = state.withLock { $0.readUpTo } - Self.overlap
        var last: ID<Session>?
        while true {
            let (from, after) = (since, last)
            let (revoked, now) = try await database.read {
                (try $0.sessionsRevoked(since: from, after: after, limit: Self.batch), $0.now)
            }
            state.withLock { state in
                for entry in revoked { state.sessions[entry.id] = entry.at }
                if state.sessions.count > 1_000 { state.sessions = state.sessions.filter { $0.value > now - horizon } }
            }
            guard revoked.count == Self.batch, let end = revoked.last else {
                return state.withLock { $0.readUpTo = now }
            }
            (since, last) = (end.at, end.id)
        }
    }
}
