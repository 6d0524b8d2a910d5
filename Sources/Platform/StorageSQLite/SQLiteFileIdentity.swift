import Glibc
import Storage

/// The database file and its WAL as they were opened, by device and inode.
///
/// A file that is removed, renamed or replaced stays open in this process: SQLite goes on writing to it without an
/// error, and every commit is lost for the next start. A copy over the contents of the same file is not found.
struct SQLiteFileIdentity: Sendable {
    private struct Inode: Equatable {
        let device: dev_t
        let number: ino_t

        /// - Returns: nil where no file has this path.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, number) = (status.st_dev, status.st_ino)
        }
    }

    private let path: String
    private let file: Inode
    private let log: Inode?

    /// - Parameter path: of a database that is open in WAL mode.
    /// - Throws: ``UnusableDatabase`` where the file has been removed since it was opened.
    init(_ path: String) throws {
        self.path = path
        guard let file = Inode(path) else {
            throw UnusableDatabase("The database \(path) was removed while it was opened.")
        }
        self.file = file
        log = Inode(Self.logPath(path))
    }

    static func logPath(_ path: String) -> String { path + "-wal" }

    /// The size of the WAL.
    var logBytes: Int {
        var status = stat()
        return stat(Self.logPath(path), &status) == 0 ? Int(status.st_size) : 0
    }

    /// Compares the open files with those at their paths.
    /// - Throws: ``StorageError`` that says what happened and what to do.
    func check() throws(StorageError) {
        guard Inode(path) == file else {
            throw StorageError(.fileReplaced, code: "database", message: Self.sentence(path, "The database file"))
        }
        guard let log, Inode(Self.logPath(path)) != log else { return }
        throw StorageError(
            .fileReplaced, code: "wal", message: Self.sentence(Self.logPath(path), "The database's WAL"))
    }

    private static func sentence(_ path: String, _ subject: String) -> String {
        "\(subject) \(path) was removed, renamed or replaced while it was open. Nothing is written any more, because "
            + "the next start would not find it. Stop every gatehouse process, put the file back (or restore the "
            + "backup and remove the files that end in -wal and -shm), and start again."
    }
}
