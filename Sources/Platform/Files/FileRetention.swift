import Foundation

/// Keeps files that are removed or replaced while a backup reads the store.
///
/// A backup reads files after its snapshot of the database. Rows of the snapshot may name files that the server removes
/// meanwhile. The backup therefore holds an exclusive lock (flock(2)) from before the snapshot to its end. A process
/// that removes or replaces a file takes the lock shared and without waiting; where the backup holds it, the file is
/// moved to a folder of the store that no key leads to. The lock ends with the backup's process, however that ends, and
/// the next change removes what it has left.
struct FileRetention: Sendable {
    let root: String

    // No segment of a key begins with a dot, but that of work in progress.
    private var lockFile: String { root + "/.lock" }
    private var folder: String { root + "/.retained" }

    /// Creates the file of the lock: a removal on a full disk must not have to. Removes what a backup has left.
    init(root: String) throws {
        self.root = root
        if let lock = try FileLock(lockFile, .shared, waits: false) { withExtendedLifetime(lock) { removeRetained() } }
    }

    /// Runs `change`, which removes, truncates or replaces what is at `path`. During a backup, what is there is moved
    /// aside first.
    /// - Parameter isReplacing: whether another file takes its place by a rename: there is one at every moment.
    func change<Result>(_ path: String, isReplacing: Bool = false, _ change: () throws -> Result) throws -> Result {
        // Work in progress.
        guard !path.hasPrefix(root + "/.") else { return try change() }
        guard let lock = try FileLock(lockFile, .shared, waits: false) else {
            try moveAside(path, isReplacing: isReplacing)
            return try change()
        }
        return try withExtendedLifetime(lock) {
            removeRetained()
            return try change()
        }
    }

    /// As above, of a directory's file that is removed, moved or replaced: during a backup it gets another name first.
    /// - Parameter path: of the file, relative to the root.
    func change<Result>(
        _ name: String, in directory: DirectoryHandle, at path: String, _ change: () throws -> Result
    ) throws -> Result {
        if let lock = try FileLock(lockFile, .shared, waits: false) {
            return try withExtendedLifetime(lock) {
                removeRetained()
                return try change()
            }
        }
        let target = try place(for: path)
        if linkat(directory.descriptor, name, AT_FDCWD, target, 0) != 0, errno != ENOENT {
            throw FileStore.Failure(verb: "keep", code: errno)
        }
        return try change()
    }

    /// Moves an entry of a directory away, to `target`, or during a backup to where that finds it.
    /// - Parameter path: of the entry, relative to the root.
    func remove(_ name: String, in directory: DirectoryHandle, at path: String, to target: String) throws {
        if let lock = try FileLock(lockFile, .shared, waits: false) {
            return try withExtendedLifetime(lock) {
                removeRetained()
                try FileStore.check(renameat(directory.descriptor, name, AT_FDCWD, target), "remove")
            }
        }
        try FileStore.check(renameat(directory.descriptor, name, AT_FDCWD, try place(for: path)), "remove")
    }

    /// Runs `body` where no backup reads the store, nor begins to.
    /// - Throws: ``FileStore/IsBackedUp``.
    func withoutBackup<Result>(_ body: () throws -> Result) throws -> Result {
        guard let lock = try FileLock(lockFile, .shared, waits: false) else { throw FileStore.IsBackedUp(root: root) }
        return try withExtendedLifetime(lock) { try body() }
    }

    /// Begins to keep files, after the changes that are under way.
    /// - Returns: the lock, which ends it.
    /// - Throws: ``FileStore/IsBackedUp`` during another backup.
    func begin() throws -> FileLock {
        let deadline = ContinuousClock.now + Self.changeTimeMax
        while true {
            if let lock = try FileLock(lockFile, .exclusive, waits: false) {
                removeRetained()
                // Files of an earlier backup would take the place of those of this one.
                guard access(folder, F_OK) != 0 else { throw FileStore.Failure(verb: "remove", code: ENOTEMPTY) }
                return lock
            }
            // Shared locks last for one change of the disk. The exclusive one of a backup is not waited for.
            guard ContinuousClock.now < deadline, try FileLock(lockFile, .shared, waits: false) != nil else {
                throw FileStore.IsBackedUp(root: root)
            }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }

    /// The files that were moved aside, by their paths in the store. Of several of one path it is the first: the
    /// one that was there when the backup began.
    func retained() -> [String: String] {
        var found: [String: String] = [:]
        for entry in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
            for (name, path) in Self.regularFiles(in: "\(folder)/\(entry)") where found[name] == nil {
                found[name] = path
            }
        }
        return found
    }

    func removeRetained() {
        // Before every change, and mostly there is none.
        guard access(folder, F_OK) == 0 else { return }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The regular files below a folder, by their paths relative to it, without those of folders whose names begin with
    /// a dot.
    static func regularFiles(in folder: String) -> [(name: String, path: String)] {
        guard let entries = FileManager.default.enumerator(atPath: folder) else { return [] }
        var found: [(name: String, path: String)] = []
        for case let entry as String in entries where !entry.hasPrefix(".") {
            var status = stat()
            let path = folder + "/" + entry
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { found.append((entry, path)) }
        }
        return found
    }

    /// A removal of a large folder takes the longest.
    private static let changeTimeMax = Duration.seconds(30)

    private func moveAside(_ path: String, isReplacing: Bool) throws {
        guard path.hasPrefix(root + "/") else { preconditionFailure("\(path) is no path of the store \(root)") }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let target = try place(for: String(path.dropFirst(root.count + 1)))
        let result = isReplacing ? link(path, target) : rename(path, target)
        guard result == 0 || errno == ENOENT else {
            throw FileStore.Failure(verb: "keep", code: errno)
        }
    }

    /// A path in a folder of its own that a kept file or folder is moved to.
    /// - Parameter path: relative to the root.
    private func place(for path: String) throws -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        // The names have the order of the moves.
        let moment = "\(Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))-\(UUID().uuidString)"
        let target = "\(folder)/\(moment)/\(path)"
        try FileManager.default.createDirectory(
            atPath: URL(filePath: target).deletingLastPathComponent().path, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        return target
    }
}

extension FileStore {
    /// A second backup of a store at the same time.
    package struct IsBackedUp: Error, CustomStringConvertible {
        let root: String
        package var description: String { "Another backup of \(root) is running." }
    }
}
