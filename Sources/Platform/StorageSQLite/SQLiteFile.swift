import Foundation
import GRDB
import Storage

/// Opening and closing the database's file: everything that must hold before the first statement of ours runs.
enum SQLiteFile {
    /// How long a statement waits for another process that writes.
    static let busyTimeoutSeconds = 5.0
    /// Two processes that switch a new file to WAL at the same moment do not wait for one another, they fail: try again, 20 ms apart.
    private static let openingAttemptsMax = 100
    /// After a checkpoint the log is cut back to this, so that one large transaction does not keep the room it once took.
    private static let logBytesMax = 64 << 20

    static func open(_ path: String, readers: Int) throws -> DatabasePool {
        try create(path)
        let stoppedCleanly = logIsEmpty(path)
        do {
            let pool = try openWaiting(path, readers: readers)
            try pool.writeWithoutTransaction { connection in
                // Opening a pool in WAL mode has just set synchronous to NORMAL, which may lose commits when the power fails.
                // What is deleted is overwritten, so that it is gone from the file as well.
                try connection.execute(
                    sql:
                        "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = \(logBytesMax); PRAGMA secure_delete = ON"
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
            throw UnusableDatabase(
                "The database \(path) cannot be opened: \(error.message ?? "SQLite error") (code \(error.extendedResultCode.rawValue))."
            )
        }
    }

    /// Closes every connection; whatever cannot be done is left to the next opening, which looks closer then.
    static func close(_ pool: DatabasePool) {
        try? pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? pool.close()
    }

    /// Moves everything out of the log and empties it: until then it holds pages as they were before a deletion.
    /// - Throws: `serialization` while somebody still reads from the log.
    static func scrub(_ pool: DatabasePool) async throws {
        let isBusy = try await pool.writeWithoutTransaction {
            try Int.fetchOne($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") != 0
        }
        if isBusy { throw StorageError(.serialization, code: "busy", message: "the log is being read") }
    }

    /// Makes the file before SQLite does, so that it is never readable by others; the log takes over its mode.
    private static func create(_ path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw UnusableDatabase(
                "The folder \(folder) for the database cannot be made: \(error.localizedDescription)")
        }
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw UnusableDatabase("The database \(path) cannot be opened: \(String(cString: strerror(errno))).")
        }
        defer { Glibc.close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else {
            throw UnusableDatabase(
                "The database \(path) cannot be kept from other users: \(String(cString: strerror(errno))).")
        }
    }

    private static func openWaiting(_ path: String, readers: Int) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "gatehouse"
        configuration.maximumReaderCount = readers
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        for _ in 1..<openingAttemptsMax {
            do {
                return try DatabasePool(path: path, configuration: configuration)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
        return try DatabasePool(path: path, configuration: configuration)
    }

    /// A clean stop leaves the log empty. It is also not empty while another process is at work; then the check is merely not needed.
    private static func logIsEmpty(_ path: String) -> Bool {
        let size = try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
        return (size ?? 0) == 0
    }

    private static func check(_ connection: GRDB.Database, _ path: String) throws {
        let findings = try String.fetchAll(connection, sql: "PRAGMA quick_check(5)")
        guard findings == ["ok"] else {
            throw UnusableDatabase(
                "The database \(path) is damaged: \(findings.joined(separator: "; ")). Restore it from a backup.")
        }
    }
}

/// Why a database file cannot be used, in a sentence for whoever starts the program.
package struct UnusableDatabase: Error, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}
