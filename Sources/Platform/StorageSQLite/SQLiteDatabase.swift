package import Base
import Dispatch
import GRDB
package import Storage

/// The embedded database: one file, readers that share snapshots, one writer that commits in groups.
///
/// A write that has returned has reached the disk (WAL with `synchronous = FULL`). Nothing here blocks Swift's own threads:
/// reads run on threads of this database, writes on its writer's queue. Other processes may write to the same file.
package final class SQLiteDatabase: Storage.Database {
    package let dialect = Storage.SQL.Dialect.sqlite

    private let pool: DatabasePool
    private let readers: ReadGroups
    private let readerCount: Int
    private let groups: CommitGroups
    private let catalogue: StatementCatalogue
    private let clock: @Sendable () -> Instant

    /// Opens the file, and creates it and its folder where they are missing. Blocks the calling thread: meant for the start of a process.
    /// - Parameters:
    ///   - readers: how many reads run at once.
    ///   - clock: the time that transactions begin at.
    /// - Throws: ``UnusableDatabase``, which says in a sentence what is wrong with the file.
    package init(path: String, readers: Int, clock: @escaping @Sendable () -> Instant) throws {
        pool = try SQLiteFile.open(path, readers: readers)
        readerCount = readers
        catalogue = StatementCatalogue { [weak pool] in pool?.releaseMemoryEventually() }
        self.readers = ReadGroups(pool: pool, threads: readers, catalogue: catalogue, clock: clock)
        groups = CommitGroups(writer: pool, catalogue: catalogue, clock: clock)
        self.clock = clock
    }

    package func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await withCheckedContinuation { (continuation: CheckedContinuation<Swift.Result<Result, Problem>, Never>) in
            readers.submit(
                ReadGroups.Job(
                    run: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: .success(result)) }
                    },
                    fail: { continuation.resume(returning: .failure(.leavingSQLite($0))) }
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
                CommitGroups.Job(
                    run: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: .success(result)) }
                    },
                    fail: { continuation.resume(returning: .failure(.leavingSQLite($0))) }
                )
            )
        }.get()
    }

    /// Runs on the writer between two groups, in a transaction of its own. `BEGIN IMMEDIATE` keeps other processes' migrations out.
    @discardableResult
    package func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result)
        async throws(Problem) -> Result
    {
        try await withCheckedContinuation { (continuation: CheckedContinuation<Swift.Result<Result, Problem>, Never>) in
            pool.asyncWriteWithoutTransaction { [catalogue, clock] connection in
                do {
                    var result: Result?
                    try connection.inTransaction(.immediate) {
                        result = try SQLiteTransaction(connection, catalogue).perform(body, now: clock())
                        return .commit
                    }
                    // What `SELECT *` answers may have changed.
                    catalogue.forget()
                    guard let result else {
                        preconditionFailure("a transaction was committed without running its body")
                    }
                    continuation.resume(returning: .success(result))
                } catch {
                    continuation.resume(returning: .failure(.leavingSQLite(error)))
                }
            }
        }.get()
    }

    package func scrub() async throws(Problem) {
        do { try await SQLiteFile.scrub(pool) } catch { throw .leavingSQLite(error) }
    }

    package var gauges: [String: Double] {
        let figures = groups.figures
        return [
            "sqlite_commit_groups_total": Double(figures.groups),
            "sqlite_commit_jobs_total": Double(figures.jobs),
            "sqlite_commit_group_jobs_last": Double(figures.lastJobs),
            "sqlite_commit_group_jobs_mean": figures.groups == 0 ? 0 : Double(figures.jobs) / Double(figures.groups),
            "sqlite_writes_waiting": Double(figures.waiting),
            "sqlite_reads_waiting": Double(readers.waiting),
            "sqlite_readers": Double(readerCount),
        ]
    }

    /// Finishes what was accepted, turns away what comes later, and leaves an empty log behind: the sign of a clean stop.
    package func close() async {
        readers.close()
        await groups.close()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            // Closing waits for the reads under way, so it does so on a thread that may wait.
            DispatchQueue.global().async { [pool] in
                SQLiteFile.close(pool)
                continuation.resume()
            }
        }
    }
}
