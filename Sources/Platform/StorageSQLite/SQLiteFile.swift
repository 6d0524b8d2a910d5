import Foundation
import GRDB
import Storage

/// Opens and closes the database file, and checks its settings before the first statement runs.
enum SQLiteFile {
    /// How long a statement waits for another process that writes.
    static let busyTimeoutSeconds = 5.0
    /// Two processes that switch a new file to WAL at the same time fail instead of waiting: attempts are 20 ms apart.
    private static let openingAttemptsMax = 100
    /// How long a process that opens or closes the file may have neither WAL nor index: attempts, and seconds of each.
    private static let exclusiveAttemptsMax = 20
    private static let exclusiveTimeoutSeconds = 0.05
    /// After a checkpoint the WAL is truncated to this size, so that one large transaction does not keep its disk
    /// space.
    private static let logBytesMax = 64 << 20
    /// The pages that the writer keeps: those of a group of writes at random places of large indexes fit.
    private static let writerCacheKibibytes = 16 << 10

    /// - Returns: a pool whose path has no symbolic link (``SQLiteFileIdentity/target(of:)``), so that every connection
    ///   opens the same file.
    static func open(_ path: String, readers: Int) throws -> DatabasePool {
        try create(path)
        guard let target = SQLiteFileIdentity.target(of: path) else {
            throw UnusableDatabase("The database \(path) was removed while it was opened.")
        }
        let stoppedCleanly = logIsEmpty(target)
        try refuseForeignIndex(target)
        do {
            let pool = try openWaiting(target, readers: readers)
            try pool.writeWithoutTransaction { connection in
                // GRDB opens a pool in WAL mode with synchronous = NORMAL, which may lose commits at a power failure.
                // secure_delete overwrites deleted rows in the file.
                try connection.execute(
                    sql: """
                        PRAGMA synchronous = FULL; PRAGMA journal_size_limit = \(logBytesMax);
                        PRAGMA secure_delete = ON; PRAGMA cache_size = -\(writerCacheKibibytes)
                        """
                )
                guard try Int.fetchOne(connection, sql: "PRAGMA synchronous") == 2 else {
                    throw UnusableDatabase(
                        "The database \(path) does not accept synchronous = FULL, so its commits would not be safe.")
                }
                guard try Int.fetchOne(connection, sql: "PRAGMA foreign_keys") == 1 else {
                    throw UnusableDatabase(
                        "The database \(path) does not enforce foreign keys: this SQLite was built without them.")
                }
                if !stoppedCleanly { try check(connection, path) }
            }
            return pool
        } catch let error as DatabaseError {
            let reason = error.message ?? "SQLite error"
            throw UnusableDatabase(
                "The database \(path) cannot be opened: \(reason) (code \(error.extendedResultCode.rawValue)).")
        }
    }

    /// Closes every connection. When the WAL cannot be truncated, the next opening checks the file.
    static func close(_ pool: DatabasePool) {
        try? pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? pool.close()
    }

    /// Checkpoints and truncates the WAL: until then it holds pages from before a deletion.
    /// - Throws: `serialization` while a reader uses the WAL.
    static func scrub(_ pool: DatabasePool) async throws {
        let isBusy = try await pool.writeWithoutTransaction {
            try Int.fetchOne($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") != 0
        }
        if isBusy { throw StorageError(.serialization, code: "busy", message: "the log is being read") }
    }

    /// Creates the file with mode 600 before SQLite does; SQLite gives the WAL the same mode.
    static func create(_ path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw UnusableDatabase(
                "The folder \(folder) for the database cannot be created: \(error.localizedDescription)")
        }
        // An existing file is not opened: closing it would release the locks of this process's other connections.
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { Glibc.close(descriptor) }
        guard descriptor >= 0 || (errno == EEXIST && access(path, R_OK | W_OK) == 0) else {
            throw UnusableDatabase("The database \(path) cannot be opened: \(String(cString: strerror(errno))).")
        }
        guard chmod(path, 0o600) == 0 else {
            throw UnusableDatabase(
                "The mode of the database \(path) cannot be set to 600: \(String(cString: strerror(errno))).")
        }
    }

    private static func openWaiting(_ path: String, readers: Int) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "gatehouse"
        configuration.maximumReaderCount = readers
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        // What a savepoint would restore is kept in memory. In a file it would cost more than the write itself, and be
        // outside of the data folder.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA temp_store = MEMORY") }
        for _ in 1..<openingAttemptsMax {
            do {
                return try DatabasePool(path: path, configuration: configuration)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
        return try DatabasePool(path: path, configuration: configuration)
    }

    /// Refuses a file that another process, or another connection of this one, has open with a WAL or an index that is
    /// not at its path: this process would make its own, and the two would overwrite one another's pages.
    ///
    /// In exclusive locking mode SQLite opens a WAL without an index, and waits until no other process has the file
    /// open: https://www.sqlite.org/wal.html#noshm
    static func refuseForeignIndex(_ path: String) throws {
        var configuration = Configuration()
        configuration.label = "gatehouse-opening"
        configuration.busyMode = .timeout(exclusiveTimeoutSeconds)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        // A process that is starting or stopping has none of the two files for a moment.
        for _ in 0..<exclusiveAttemptsMax {
            guard !hasLogAndIndex(path) else { return }
            do {
                return try DatabaseQueue(path: path, configuration: configuration).close()
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                continue
            } catch {
                // The opening that follows reports it.
                return
            }
        }
        throw UnusableDatabase(
            """
            The database \(path) is open in another process, but its WAL or its index (-wal, -shm) is not at its path: \
            a second process would damage the database. Stop the process that has it open, and start again.
            """)
    }

    private static func hasLogAndIndex(_ path: String) -> Bool {
        access(SQLiteFileIdentity.logPath(path), F_OK) == 0 && access(SQLiteFileIdentity.indexPath(path), F_OK) == 0
    }

    /// A clean stop leaves the WAL empty. It is also not empty while another process uses the file; the check is then
    /// redundant.
    private static func logIsEmpty(_ path: String) -> Bool {
        let size = try? FileManager.default.attributesOfItem(atPath: SQLiteFileIdentity.logPath(path))[.size] as? Int
        return (size ?? 0) == 0
    }

    static func check(_ connection: GRDB.Database, _ path: String) throws {
        let findings = try String.fetchAll(connection, sql: "PRAGMA quick_check(5)")
        guard findings == ["ok"] else {
            throw UnusableDatabase(
                "The database \(path) is damaged: \(findings.joined(separator: "; ")). Restore it from a backup.")
        }
    }
}

/// Why a database file cannot be used, in a sentence for the operator.
package struct UnusableDatabase: Error, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}
