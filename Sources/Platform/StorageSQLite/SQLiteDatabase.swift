package import Base
import Dispatch
import GRDB
package import Storage
import Synchronization

/// The embedded database: one file, readers that share snapshots, one writer that commits in groups.
///
/// A write that has returned is on the disk (WAL with `synchronous = FULL`). No thread of Swift's cooperative pool is
/// blocked: reads run on threads of this database, writes on its writer's queue. Other processes may write to the same
/// file; they exchange no notifications.
package final class SQLiteDatabase: Storage.Database {
    package let dialect = Storage.SQL.Dialect.sqlite

    private let pool: DatabasePool
    private let readers: ReadGroups
    private let readerCount: Int
    private let groups: CommitGroups
    private let checkpoints: Checkpoints
    private let catalogue: StatementCatalogue
    private let identity: SQLiteFileIdentity
    private let clock: @Sendable () -> Instant
    private let damage = Mutex<StorageError?>(nil)

    /// Opens the file, and creates it and its folder where they are missing. Blocks the calling thread: for the start
    /// of a process.
    /// - Parameters:
    ///   - readers: reads that run at once.
    ///   - clock: the time at which transactions begin.
    ///   - framesPerCheckpoint: the size of the WAL, in pages, at which it is copied to the database file.
    /// - Throws: ``UnusableDatabase`` with a sentence about what is wrong with the file.
    package init(
        path: String, readers: Int, clock: @escaping @Sendable () -> Instant, framesPerCheckpoint: Int? = nil
    ) throws {
        pool = try SQLiteFile.open(path, readers: readers)
        checkpoints = try Checkpoints(path: pool.path, framesPerPass: framesPerCheckpoint ?? Checkpoints.framesPerPass)
        identity = try SQLiteFileIdentity(path, opened: pool.path)
        readerCount = readers
        catalogue = StatementCatalogue { [weak pool] in pool?.releaseMemoryEventually() }
        self.readers = ReadGroups(pool: pool, threads: readers, catalogue: catalogue, clock: clock)
        groups = CommitGroups(
            writer: pool, identity: identity, catalogue: catalogue, checkpoints: checkpoints, clock: clock)
        self.clock = clock
        pool.writeWithoutTransaction { [checkpoints] in checkpoints.watch($0) }
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await read(within: ReadGroups.timeMax, body)
    }

    package func read<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws(Problem) -> Result {
        try await withCheckedContinuation { (continuation: CheckedContinuation<Swift.Result<Result, Problem>, Never>) in
            readers.submit(
                PendingTransaction(
                    run: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: .success(result)) }
                    },
                    fail: { [self] in continuation.resume(returning: .failure(problem(for: $0))) },
                    limit: limit
                )
            )
        }.get()
    }

    @discardableResult
    package func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await withCheckedContinuation { (continuation: CheckedContinuation<Swift.Result<Result, Problem>, Never>) in
            groups.submit(
                PendingTransaction(
                    run: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: .success(result)) }
                    },
                    fail: { [self] in continuation.resume(returning: .failure(problem(for: $0))) }
                )
            )
        }.get()
    }

    /// Runs on the writer between two groups, in a transaction of its own. `BEGIN IMMEDIATE` excludes migrations of
    /// other processes.
    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await withCheckedContinuation { (continuation: CheckedContinuation<Swift.Result<Result, Problem>, Never>) in
            pool.asyncWriteWithoutTransaction { [self] connection in
                do {
                    try identity.check()
                    var result: Result?
                    let engine = SQLiteTransaction(connection, catalogue)
                    try connection.inTransaction(.immediate) {
                        result = try engine.perform(body, now: clock())
                        return .commit
                    }
                    // The columns of `SELECT *` may have changed.
                    catalogue.removeAll()
                    guard let result else {
                        preconditionFailure("a transaction was committed without running its body")
                    }
                    engine.effects.runActions()
                    continuation.resume(returning: .success(result))
                } catch {
                    continuation.resume(returning: .failure(problem(for: error)))
                }
            }
        }.get()
    }

    package func checkFile() throws(Problem) {
        if let damage = damage.withLock({ $0 }) { throw damage.problem }
        do throws(StorageError) { try identity.check() } catch { throw error.problem }
    }

    package func scrub() async throws(Problem) {
        do { try await SQLiteFile.scrub(pool) } catch { throw problem(for: error) }
    }

    /// Keeps the first report of damage for ``checkFile()``, by which the process ends.
    private func problem(for error: any Error) -> Problem {
        let problem = Problem.leavingSQLite(error)
        if let cause = problem.cause as? StorageError, cause.kind == .damaged {
            damage.withLock { $0 = $0 ?? cause }
        }
        return problem
    }

    package var gauges: [String: Double] {
        let writes = groups.statistics
        return [
            "sqlite_commit_groups_total": Double(writes.groups),
            "sqlite_commit_writes_total": Double(writes.writes),
            "sqlite_commit_group_writes_last": Double(writes.lastWrites),
            "sqlite_commit_group_writes_mean": writes.groups == 0 ? 0 : Double(writes.writes) / Double(writes.groups),
            "sqlite_writes_waiting": Double(writes.waiting),
            "sqlite_reads_waiting": Double(readers.waiting),
            "sqlite_readers": Double(readerCount),
            "sqlite_wal_bytes": Double(identity.logBytes),
            "sqlite_checkpoints_total": Double(checkpoints.passes),
        ]
    }

    /// Completes accepted transactions, refuses later ones, and truncates the WAL to zero bytes, which marks a clean
    /// stop. Where the file is damaged or the WAL has another index, the WAL stays as it is: the next opening checks
    /// the file.
    package func close() async {
        readers.close()
        await groups.close()
        guard identity.mayCheckpoint, damage.withLock({ $0 == nil }) else {
            // Closing the last connection would copy the WAL and remove it. They stay open until the process ends.
            _ = (Unmanaged.passRetained(pool), Unmanaged.passRetained(checkpoints))
            return
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            // Closing blocks until the running reads end, so it needs a thread that may block.
            DispatchQueue.global().async { [pool, checkpoints] in
                checkpoints.close()
                SQLiteFile.close(pool)
                continuation.resume()
            }
        }
    }
}
