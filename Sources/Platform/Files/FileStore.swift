package import Base
import Foundation

/// Files under one folder of the disk, addressed by keys of the program. Disk operations run on threads of their own.
package struct FileStore: Sendable {
    /// The position of a file in the store: segments of letters, digits, dots, hyphens and underscores that do not
    /// start with a dot, so that no key leads out of the folder.
    package struct Key: Sendable, Hashable {
        package let segments: [String]

        package init(_ segments: String...) {
            for segment in segments {
                precondition(
                    !segment.isEmpty && !segment.hasPrefix(".")
                        && segment.unicodeScalars.allSatisfy { Self.allowed.contains($0) },
                    "'\(segment)' is not a valid segment of a file's key"
                )
            }
            self.segments = segments
        }

        /// For stored keys.
        /// - Returns: nil when a segment is not valid.
        package init?(segments: [String]) {
            guard !segments.isEmpty,
                segments.allSatisfy({
                    !$0.isEmpty && !$0.hasPrefix(".") && $0.unicodeScalars.allSatisfy { Self.allowed.contains($0) }
                })
            else {
                return nil
            }
            self.segments = segments
        }

        /// The key of work in progress: no row names it, and backups neither read nor keep it.
        package var asScratch: Key { Key(unchecked: [".scratch"] + segments) }

        private init(unchecked segments: [String]) { self.segments = segments }

        private static let allowed = Set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".unicodeScalars)
    }

    let root: String
    private let pool: BlockingPool
    let retention: FileRetention

    /// - Parameter root: the folder; it is created if it is missing.
    package init(root: String) throws {
        self.root = root
        pool = BlockingPool(name: "files", threads: 4, capacity: 4_096)
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        retention = try FileRetention(root: root)
    }

    package func path(of key: Key) -> String { ([root] + key.segments).joined(separator: "/") }

    /// Writes chunks into a file as they arrive, from `offset` on, and calls `fsync` before it returns.
    /// - Parameters:
    ///   - offset: the position of the first byte. The file is truncated there first, so that a repeated upload
    ///     replaces its earlier try.
    ///   - next: returns the chunks, nil at the end.
    /// - Returns: the new size of the file in bytes.
    /// - Throws: the error of `next`; `storage-full` when the disk is full. The file is then truncated to `offset`.
    package func write(_ key: Key, at offset: Int64, from next: () async throws -> [UInt8]?) async throws -> Int64 {
        let path = path(of: key)
        let descriptor = try await pool.run { [retention] in
            try Self.makeParent(of: path)
            // A file that is written anew from its first byte is another one.
            guard offset == 0 else { return try Self.open(path, O_WRONLY | O_CREAT) }
            return try retention.change(path) { try Self.open(path, O_WRONLY | O_CREAT | O_TRUNC) }
        }
        var end = offset
        do {
            try await pool.run { try Self.check(ftruncate(descriptor, off_t(offset)), "cut") }
            while let chunk = try await next() {
                let start = end
                try await pool.run { try Self.writeAll(chunk, to: descriptor, at: start) }
                end += Int64(chunk.count)
            }
            try await pool.run {
                defer { close(descriptor) }
                try Self.check(fsync(descriptor), "sync")
            }
        } catch {
            try? await pool.run {
                defer { close(descriptor) }
                _ = ftruncate(descriptor, off_t(offset))
            }
            throw error
        }
        return end
    }

    /// - Returns: the size in bytes; nil when the file does not exist.
    package func size(of key: Key) async throws -> Int64? {
        let path = path(of: key)
        return try await pool.run {
            var status = stat()
            return stat(path, &status) == 0 ? Int64(status.st_size) : nil
        }
    }

    /// Moves a file to another key atomically, and replaces a file there.
    /// - Parameter source: of a file that no row names yet: a backup does not keep it.
    package func move(_ source: Key, to target: Key) async throws {
        let (from, to) = (path(of: source), path(of: target))
        try await pool.run { [retention] in
            try Self.makeParent(of: to)
            try retention.change(to, isReplacing: true) { try Self.check(rename(from, to), "move") }
        }
    }

    /// Removes a file, or a folder with its contents, whatever their permissions. A missing file is not an error.
    package func remove(_ key: Key) async throws {
        let path = path(of: key)
        try await pool.run { [retention] in
            try retention.change(path) {
                guard FileManager.default.fileExists(atPath: path) else { return }
                do { try FileManager.default.removeItem(atPath: path) } catch {
                    FolderPermissions.restore(path)
                    try FileManager.default.removeItem(atPath: path)
                }
            }
        }
    }

    /// The path of the folder `key`, which is created if it is missing: for work that writes several files.
    package func folder(_ key: Key) async throws -> String {
        let path = path(of: key)
        try await pool.run { try Self.makeFolder(path) }
        return path
    }

    /// The names in the folder `key`; none where it does not exist.
    func names(in key: Key) async throws -> [String] {
        let path = path(of: key)
        return try await pool.run { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
    }

    /// The files at or below `key`.
    /// - Returns: the path of each file relative to the store's root, sorted, and its absolute path.
    package func files(under key: Key) async throws -> [(name: String, path: String)] {
        let (path, prefix) = (path(of: key), key.segments.joined(separator: "/"))
        return try await pool.run {
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            guard status.st_mode & S_IFMT == S_IFDIR else { return [(prefix, path)] }
            guard let entries = FileManager.default.enumerator(atPath: path) else { return [] }
            var found: [(name: String, path: String)] = []
            for case let entry as String in entries {
                // A program of a user may have put a link where a file was.
                if lstat(path + "/" + entry, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                    found.append((prefix + "/" + entry, path + "/" + entry))
                }
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// Runs `body` while every file that is removed or replaced, by any process, is kept for ``retainedFiles()``.
    /// - Throws: ``IsBackedUp`` where another process does the same; what `body` throws.
    package func retainingFiles<Result>(_ body: () async throws -> Result) async throws -> Result {
        let lock = try await pool.run { [retention] in try retention.begin() }
        return try await attempt {
            try await body()
        } finally: {
            withExtendedLifetime(lock) { retention.removeRetained() }
        }
    }

    /// Every file of the store: its path relative to the root, and its absolute path.
    package func everyFile() async throws -> [(name: String, path: String)] {
        try await pool.run { [root] in FileRetention.regularFiles(in: root) }
    }

    /// The files that were removed or replaced since ``retainingFiles(_:)`` began: their paths now, by those before,
    /// both relative to the root.
    package func retainedFiles() async throws -> [String: String] {
        try await pool.run { [retention, root] in
            retention.retained().mapValues { String($0.dropFirst(root.count + 1)) }
        }
    }

    /// The sum of the sizes of all files under `key`, in bytes.
    package func bytes(under key: Key) async throws -> Int64 {
        let path = path(of: key)
        return try await pool.run {
            guard let entries = FileManager.default.enumerator(atPath: path) else { return 0 }
            var sum: Int64 = 0
            for case let entry as String in entries {
                var status = stat()
                if stat(path + "/" + entry, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                    sum += Int64(status.st_size)
                }
            }
            return sum
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws -> Int32 {
        let descriptor = Foundation.open(path, flags | O_CLOEXEC, 0o600)
        try check(descriptor, "open")
        return descriptor
    }

    private static func makeParent(of path: String) throws {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try makeFolder(parent)
    }

    private static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw Problem.ofDisk(error) }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, at offset: Int64) throws {
        try bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let written = pwrite(
                    descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done)
                )
                if written < 0, errno == EINTR { continue }
                try check(written < 0 ? -1 : 0, "write")
                done += written
            }
        }
    }

    /// - Parameter result: of a function of the C library; a negative one is an error.
    /// - Throws: ``Failure`` with errno; `storage-full`.
    static func check(_ result: Int32, _ verb: String) throws {
        guard result < 0 else { return }
        let code = errno
        if code == ENOSPC || code == EDQUOT { throw Problem(.storageFull, headers: ["Retry-After": "60"]) }
        throw Failure(verb: verb, code: code)
    }

    /// A failed disk operation.
    package struct Failure: Error, CustomStringConvertible {
        let verb: String
        /// Of errno.
        package let code: Int32
        package var description: String { "could not \(verb) a file: \(String(cString: strerror(code)))" }
    }
}

extension Problem.Kind {
    package static let storageFull = Self("storage-full", "Not enough disk space to store this", status: 507)
}
