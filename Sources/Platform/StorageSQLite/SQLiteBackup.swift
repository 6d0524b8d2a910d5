import Foundation
import GRDB

/// A copy of a database file as of one moment, made by SQLite's online backup (https://www.sqlite.org/backup.html)
/// while other processes write.
package enum SQLiteBackup {
    /// Copies a database into a new file with mode 600, which needs no WAL. Blocks the calling
    /// thread.
    ///
    /// The source is read in one transaction, on a connection that cannot write: writers do not wait for it, and its
    /// end copies no WAL. Until then the WAL cannot be started anew and grows. Without the transaction, each commit of
    /// another process would begin the copy again.
    /// - Parameters:
    ///   - path: the database, which must exist.
    ///   - target: the path of the new file.
    /// - Returns: the names of the copy's migrations, in the order in which they were applied.
    /// - Throws: ``UnusableDatabase``, also where the copy does not pass SQLite's check.
    package static func copy(_ path: String, to target: String) throws -> [String] {
        guard let opened = SQLiteFileIdentity.target(of: path) else {
            throw UnusableDatabase("There is no database at \(path).")
        }
        try SQLiteFile.refuseForeignIndex(opened)
        try SQLiteFile.create(target)
        do {
            let source = try open(opened, isReadOnly: true)
            let copy = try open(target, isReadOnly: false)
            try source.read { source in
                try copy.writeWithoutTransaction { copy in
                    // One step: commits after the first read of the transaction do not belong to it.
                    try source.backup(to: copy)
                }
            }
            try source.close()
            let migrations = try copy.writeWithoutTransaction { copy in
                try copy.execute(sql: "PRAGMA journal_mode = DELETE")
                try SQLiteFile.check(copy, target)
                return try String.fetchAll(copy, sql: "SELECT name FROM schema_migrations ORDER BY rowid")
            }
            try copy.close()
            return migrations
        } catch let error as DatabaseError {
            throw UnusableDatabase(
                "The database \(path) cannot be copied: \(error.message ?? "SQLite error") "
                    + "(code \(error.extendedResultCode.rawValue)).")
        }
    }

    private static func open(_ path: String, isReadOnly: Bool) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "gatehouse-backup"
        configuration.readonly = isReadOnly
        configuration.busyMode = .timeout(SQLiteFile.busyTimeoutSeconds)
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}
