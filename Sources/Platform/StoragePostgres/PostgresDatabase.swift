package import Base
import CPostgres
package import Storage
import Synchronization

/// The database for several machines: PostgreSQL through libpq, with a pool of connections that each block on an
/// executor of their own.
///
/// A transaction is tried again after a conflict or a connection lost before the commit. After a connection lost during
/// the commit the server is asked for the outcome. Connections are opened on use, so a restart of the server needs no
/// action.
package final class PostgresDatabase: Database {
    package let dialect = SQL.Dialect.postgres

    /// The tries of a transaction in all, and their time in all, before its caller gets the error.
    static let triesMax = 8
    static let tryingMax = Duration.seconds(20)
    /// How long the outcome of an interrupted commit may stay unknown: until then the server may not have detected the
    /// broken connection.
    static let outcomeWaitMax = Duration.seconds(10)

    private let pool: PostgresPool
    private let notifier: PostgresNotifier
    private let interruption: PostgresInterruption
    private let clock: (@Sendable () -> Instant)?
    private let commitFault: (@Sendable () -> CommitFault?)?
    private let retries = Atomic(0)

    /// Opens no connection yet.
    /// - Parameters:
    ///   - url: a connection string of libpq: `postgresql://user:password@host:5432/database`.
    ///   - poolSize: connections that stay open.
    ///   - overflow: further connections that may be opened while the pool is exhausted.
    ///   - acquireTimeout: how long a caller waits for a connection, and for the server to be reachable.
    ///   - statementTimeout: how long a statement may run on the server. This process waits two seconds longer, also
    ///     for a server that does not answer; migrations have no bound.
    ///   - connectionAgeMax: a connection of this age is replaced while no transaction uses it; nil for never.
    ///   - clock: replaces the database's own, for tests.
    ///   - commitFault: called before every commit of a write; breaks its connection, for tests.
    /// - Throws: ``InvalidDatabaseURL``.
    package init(
        url: String,
        poolSize: Int,
        overflow: Int,
        acquireTimeout: Duration,
        statementTimeout: Duration = .seconds(30),
        connectionAgeMax: Duration? = nil,
        clock: (@Sendable () -> Instant)? = nil,
        commitFault: (@Sendable () -> CommitFault?)? = nil
    ) throws {
        guard PostgresSession.canParse(url) else { throw InvalidDatabaseURL() }
        let interruption = PostgresInterruption()
        self.interruption = interruption
        pool = PostgresPool(
            url: url, size: poolSize, overflow: overflow, timeout: acquireTimeout, statementTimeout: statementTimeout,
            interruption: interruption, ageMax: connectionAgeMax)
        notifier = PostgresNotifier(url: url, statementTimeout: statementTimeout, interruption: interruption)
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

    package func subscribe(_ handler: @escaping @Sendable (DatabaseNotification) -> Void) -> DatabaseSubscription {
        notifier.subscribe(handler)
    }

    package var gauges: [String: Double] {
        let (connections, notifications) = (pool.statistics, notifier.statistics)
        return [
            "postgres_connections": Double(connections.open),
            "postgres_connections_idle": Double(connections.idle),
            "postgres_waiting": Double(connections.waiting),
            "postgres_retries_total": Double(retries.load(ordering: .relaxed)),
            "postgres_reconnects_total": Double(connections.reconnects),
            "postgres_listening": notifications.isListening ? 1 : 0,
            "postgres_notifications_sent_total": Double(notifications.sent),
            "postgres_notifications_received_total": Double(notifications.received),
        ]
    }

    /// Other processes that listen on this database, by `pg_stat_activity`.
    package func otherProcesses() async throws(Problem) -> Int {
        let own = Int(notifier.statistics.process ?? 0)
        let others = try await read { transaction in
            try transaction.count(
                """
                SELECT COUNT(*) AS count FROM pg_stat_activity
                WHERE application_name = \(PostgresNotifier.applicationName) AND datname = current_database()
                    AND pid <> \(own)
                """)
        }
        return Int(others)
    }

    /// Refuses further transactions, and returns when every connection is returned and closed. A transaction whose
    /// server does not answer is cut after two seconds.
    package func close() async {
        await pool.close()
        let cut = Task { [interruption] in
            guard (try? await Task.sleep(for: PostgresPool.closingMax)) != nil else { return }
            interruption.begin()
        }
        await notifier.close()
        cut.cancel()
    }

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
                case .done(let result, let effects):
                    finish(mode, effects)
                    return result
                case .refused(let error): throw error
                case .unreachable(let error): try await retry.pause(untilReachable: error)
                // Another connection to a server that does not answer would wait as long again.
                case .lost(let error) where error.code == PostgresExchange.deadlineCode: throw error
                case .lost(let error), .conflict(let error): try await retry.pause(after: error)
                case .unknown(let result, let effects, let number, let error):
                    guard try await wasCommitted(number, else: error) else {
                        try await retry.pause(after: error)
                        break
                    }
                    finish(mode, effects)
                    return result
                }
                retries.add(1, ordering: .relaxed)
            }
        } catch {
            throw .leavingStorage(error)
        }
    }

    private func finish(_ mode: PostgresTransactionMode, _ effects: CommitEffects) {
        guard mode != .read else { return }
        effects.runActions()
        if !effects.messages.isEmpty { notifier.send(effects.messages) }
    }

    /// The outcome of a transaction whose connection broke during its commit.
    /// - Throws: `outcomeUnknown` when the server does not respond in time, or cannot determine the outcome after a
    ///   crash.
    private func wasCommitted(_ number: PostgresTransactionNumber, else error: StorageError) async throws -> Bool {
        let end = ContinuousClock.now + Self.outcomeWaitMax
        var pause = Duration.milliseconds(10)
        repeat {
            // A task of its own: the caller's cancellation must not end the query.
            let outcome = await Task { [pool] in try? await pool.lend { await $0.outcome(of: number) } }.value
            switch outcome ?? .unreachable {
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

/// Where a test breaks the connection of a write, like a network failure.
package enum CommitFault: Sendable {
    /// The server does not receive COMMIT.
    case beforeCommit
    /// The server commits and the client does not receive the response.
    case afterCommit
}

/// A connection string that libpq cannot parse. The message does not repeat it, because it may hold a password.
package struct InvalidDatabaseURL: Error, CustomStringConvertible {
    package let description =
        "The PostgreSQL address is not valid. It should look like postgresql://user:password@host:5432/database."
}

/// When a transaction is tried again. Pauses grow, with jitter, so that conflicting transactions do not collide again.
private struct Retry {
    private let started = ContinuousClock.now
    private let reachableWithin: Duration
    private var unreachableSince: ContinuousClock.Instant?
    private var tries = 0

    init(reachableWithin: Duration) { self.reachableWithin = reachableWithin }

    /// Waits after a rolled back transaction.
    /// - Throws: `error` when no try is left.
    mutating func pause(after error: StorageError) async throws {
        unreachableSince = nil
        tries += 1
        guard tries < PostgresDatabase.triesMax, .now - started < PostgresDatabase.tryingMax else { throw error }
        try await pause(millisecondsMax: min(4 << tries, 250))
    }

    /// Waits while the server is unreachable.
    /// - Throws: `error` after `reachableWithin`.
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
                .cancelled, code: "cancelled", message: "the caller was cancelled while it waited for a retry")
        }
    }
}
