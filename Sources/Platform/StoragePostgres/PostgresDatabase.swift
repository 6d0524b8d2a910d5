package import Base
import CPostgres
package import Storage
import Synchronization

/// The database for more than one machine: PostgreSQL through libpq, a pool of connections that each block on an executor of
/// their own.
///
/// What can be made good is made good here: a conflict with another transaction and a connection lost before the commit lead to
/// another try, and after a connection lost during the commit the database is asked what became of it. A restart of the database
/// heals by itself: connections are opened when they are needed.
package final class PostgresDatabase: Database {
    package let dialect = SQL.Dialect.postgres

    /// How often a transaction is tried in all, and for how long, before its caller is told that it does not get through.
    static let triesMax = 8
    static let tryingMax = Duration.seconds(20)
    /// How long the outcome of a broken commit may remain open: until then the server may not have noticed that we are gone.
    static let fateWaitMax = Duration.seconds(10)

    private let pool: PostgresPool
    private let clock: (@Sendable () -> Instant)?
    private let commitFault: (@Sendable () -> CommitFault?)?
    private let retries = Atomic(0)

    /// Connects to nothing yet; connections are opened as they are needed.
    /// - Parameters:
    ///   - url: a connection string as libpq takes it: `postgresql://user:password@host:5432/database`.
    ///   - poolSize: how many connections stay open.
    ///   - overflow: how many more may be opened while the pool is exhausted.
    ///   - acquireTimeout: how long a caller waits for a connection, and for the database to be reachable.
    ///   - clock: in place of the database's own, for tests.
    ///   - commitFault: asked before every commit of a write whether to break its connection, for tests.
    /// - Throws: ``UnusableAddress`` when `url` is none.
    package init(
        url: String,
        poolSize: Int,
        overflow: Int,
        acquireTimeout: Duration,
        clock: (@Sendable () -> Instant)? = nil,
        commitFault: (@Sendable () -> CommitFault?)? = nil
    ) throws {
        guard PostgresLink.understands(url) else { throw UnusableAddress() }
        pool = PostgresPool(url: url, size: poolSize, overflow: overflow, timeout: acquireTimeout)
        self.clock = clock
        self.commitFault = commitFault
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await transact(.read, body)
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await transact(.write, body)
    }

    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await transact(.migrate, body)
    }

    package var gauges: [String: Double] {
        let figures = pool.figures
        return [
            "postgres_connections": Double(figures.open),
            "postgres_connections_idle": Double(figures.idle),
            "postgres_waiting": Double(figures.waiting),
            "postgres_retries_total": Double(retries.load(ordering: .relaxed)),
            "postgres_reconnects_total": Double(figures.reconnects),
        ]
    }

    /// Turns away what comes later, and returns when every connection has come back and is closed.
    package func close() async { await pool.close() }

    private func transact<Result: Sendable>(
        _ mode: PostgresTransactionMode, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        do {
            var retry = Retry(reachableWithin: pool.timeout)
            while true {
                let outcome = try await pool.lend { [clock, commitFault] connection in
                    await connection.transact(mode, clock: clock, commitFault: commitFault, body)
                }
                switch outcome {
                case .done(let result): return result
                case .refused(let error): throw error
                case .unreachable(let error): try await retry.pause(untilReachable: error)
                case .lost(let error), .conflict(let error): try await retry.pause(after: error)
                case .unsure(let result, let number, let error):
                    guard try await wasCommitted(number, else: error) else {
                        try await retry.pause(after: error)
                        break
                    }
                    return result
                }
                retries.add(1, ordering: .relaxed)
            }
        } catch {
            throw .leavingStorage(error)
        }
    }

    /// Asks what became of a transaction whose connection broke during its commit.
    /// - Throws: `outcomeUnknown` when the database does not say in time, or cannot say for sure because it crashed since.
    private func wasCommitted(_ number: PostgresTransactionNumber, else error: StorageError) async throws -> Bool {
        let end = ContinuousClock.now + Self.fateWaitMax
        var pause = Duration.milliseconds(10)
        repeat {
            // A task of its own: the caller's cancellation must not leave the question unanswered.
            let fate = await Task { [pool] in try? await pool.lend { await $0.fate(of: number) } }.value
            switch fate ?? .unreachable {
            case .committed: return true
            case .aborted: return false
            case .inProgress, .unreachable: await Task { [pause] in try? await Task.sleep(for: pause) }.value
            case .unknowable: throw StorageError(.outcomeUnknown, code: error.code, message: error.message)
            }
            pause = min(pause * 2, .milliseconds(500))
        } while .now < end
        throw StorageError(.outcomeUnknown, code: error.code, message: error.message)
    }
}

/// Where a test breaks the connection of a write, as a network would.
package enum CommitFault: Sendable {
    /// The COMMIT never arrives.
    case beforeCommit
    /// The COMMIT is carried out and its answer never arrives.
    case afterCommit
}

/// A connection string that libpq does not understand. It is not repeated, for it may hold a password.
package struct UnusableAddress: Error, CustomStringConvertible {
    package let description =
        "The PostgreSQL address is not valid. It should look like postgresql://user:password@host:5432/database."
}

/// How long to go on trying. Pauses grow, and have jitter so that those who collided do not meet again.
private struct Retry {
    private let started = ContinuousClock.now
    private let reachableWithin: Duration
    private var unreachableSince: ContinuousClock.Instant?
    private var tries = 0

    init(reachableWithin: Duration) { self.reachableWithin = reachableWithin }

    /// After a transaction that left nothing behind.
    /// - Throws: `error` when there is to be no other try.
    mutating func pause(after error: StorageError) async throws {
        unreachableSince = nil
        tries += 1
        guard tries < PostgresDatabase.triesMax, .now - started < PostgresDatabase.tryingMax else { throw error }
        try await pause(millisecondsMax: min(4 << tries, 250))
    }

    /// While the database does not answer: for as long as a caller waits for a connection.
    mutating func pause(untilReachable error: StorageError) async throws {
        let now = ContinuousClock.now, since = unreachableSince ?? now
        unreachableSince = since
        guard now - since < reachableWithin else { throw error }
        try await pause(
            millisecondsMax: Int(min(max((now - since) / 2, .milliseconds(40)), .seconds(1)).microseconds / 1_000))
    }

    private func pause(millisecondsMax: Int) async throws {
        do {
            try await Task.sleep(for: .milliseconds(Int.random(in: millisecondsMax / 2...millisecondsMax)))
        } catch {
            throw StorageError(
                .cancelled, code: "cancelled", message: "the caller left while the transaction waited for another try")
        }
    }
}
