import Glibc
import Storage

/// The files of a database as they were opened, by device and inode: the database, its WAL and the index of its WAL.
///
/// A file that is removed, renamed or replaced stays open in this process: SQLite goes on writing to it without an
/// error, and every commit is lost for the next start. Where the index is not at its path, another process makes a
/// second one, and the two processes overwrite one another's pages. A copy over the contents of the same file is not
/// found.
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
    /// As it was opened, without a symbolic link.
    private let opened: String
    private let file: Inode
    private let log: Inode
    private let index: Inode

    /// - Parameters:
    ///   - path: of a database that is open in WAL mode.
    ///   - opened: the file that it led to (``target(of:)``).
    /// - Throws: ``UnusableDatabase`` where one of the files has been removed since it was opened.
    init(_ path: String, opened: String) throws {
        guard let file = Inode(opened), let log = Inode(Self.logPath(opened)), let index = Inode(Self.indexPath(opened))
        else { throw UnusableDatabase("The database \(path), or its WAL, was removed while it was opened.") }
        self.path = path
        self.opened = opened
        self.file = file
        self.log = log
        self.index = index
    }

    /// The file that a path leads to: SQLite puts the WAL and its index beside it, not beside a symbolic link.
    /// - Returns: nil where no file has this path.
    static func target(of path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFLNK else { return path }
        guard let target = realpath(path, nil) else { return nil }
        defer { free(target) }
        return String(cString: target)
    }

    static func logPath(_ path: String) -> String { path + "-wal" }
    static func indexPath(_ path: String) -> String { path + "-shm" }

    /// The size of the WAL.
    var logBytes: Int {
        var status = stat()
        return stat(Self.logPath(opened), &status) == 0 ? Int(status.st_size) : 0
    }

    /// Compares the open files with those that the next start would open.
    /// - Throws: ``StorageError`` that says what happened and what to do.
    func check() throws(StorageError) {
        guard let target = Self.target(of: path), Inode(target) == file else { throw replaced }
        guard Inode(Self.logPath(target)) == log else {
            // A link to the file leads the next start to a WAL beside the file.
            guard target == opened else { throw replaced }
            throw StorageError(
                .fileReplaced, code: "wal",
                message: Self.sentence("The database's WAL \(Self.logPath(target))", Self.remedy))
        }
        guard Inode(Self.indexPath(target)) == index else {
            throw StorageError(
                .fileReplaced, code: "shm",
                message: Self.sentence(
                    "The index \(Self.indexPath(target)) of the database's WAL",
                    "Stop every process that uses the database, and start again: the index is made anew."))
        }
    }

    /// Whether closing may copy the WAL to the file and remove it. Another process that has a WAL or an index of its
    /// own may have changed the file meanwhile; the commits of this process are in its WAL then.
    var mayCheckpoint: Bool {
        let log = Inode(Self.logPath(opened))
        return Inode(Self.indexPath(opened)) == index && (log == nil || log == self.log)
    }

    private var replaced: StorageError {
        StorageError(
            .fileReplaced, code: "database", message: Self.sentence("The database file \(path)", Self.remedy))
    }

    private static let remedy =
        "Stop every gatehouse process, put the file back (or restore the backup and remove the files that end in -wal "
        + "and -shm), and start again."

    private static func sentence(_ subject: String, _ remedy: String) -> String {
        "\(subject) was removed, renamed or replaced while it was open. Nothing is written any more, because the next "
            + "start would not find it. \(remedy)"
    }
}
