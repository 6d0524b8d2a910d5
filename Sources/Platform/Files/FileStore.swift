package import Base
import Foundation

/// Files under one folder of the disk, addressed by keys that the program makes. All disk work happens on threads of its own.
package struct FileStore: Sendable {
    /// Where a file lies in the store: segments of letters, digits, dots, hyphens and underscores, so that no key leaves the folder.
    package struct Key: Sendable, Hashable {
        package let segments: [String]

        package init(_ segments: String...) {
            for segment in segments {
                precondition(
                    !segment.isEmpty && !segment.hasPrefix(".")
                        && segment.unicodeScalars.allSatisfy { Self.allowed.contains($0) },
                    "'\(segment)' cannot be a part of a file's key"
                )
            }
            self.segments = segments
        }

        /// - Returns: nil where a segment cannot be a part of a key: for keys that were written down and are read back.
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

        private static let allowed = Set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".unicodeScalars)
    }

    private let root: String
    private let pool: BlockingPool

    /// - Parameter root: the folder; it is made if it is missing.
    package init(root: String) throws {
        self.root = root
        pool = BlockingPool(name: "files", threads: 4, capacity: 4_096)
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    package func path(of key: Key) -> String { ([root] + key.segments).joined(separator: "/") }

    /// Writes pieces into a file as they come, from `offset` on, and makes them durable before it returns.
    /// - Parameters:
    ///   - offset: where the first byte goes; what lay behind it is cut off first, so that a repeated chunk replaces its earlier try.
    ///   - next: gives the pieces, nil at the end.
    /// - Returns: the size of the file afterwards, in bytes.
    /// - Throws: what `next` throws; `storage-full` when there is no room. The file is then cut back to `offset`.
    package func write(_ key: Key, at offset: Int64, from next: () async throws -> [UInt8]?) async throws -> Int64 {
        let path = path(of: key)
        let descriptor = try await pool.run { try Self.open(path, O_WRONLY | O_CREAT) }
        var end = offset
        do {
            try await pool.run { try Self.check(ftruncate(descriptor, off_t(offset)), "cut") }
            while let piece = try await next() {
                let start = end
                try await pool.run { try Self.writeAll(piece, to: descriptor, at: start) }
                end += Int64(piece.count)
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

    /// - Returns: nil where there is no such file.
    package func size(of key: Key) async throws -> Int64? {
        let path = path(of: key)
        return try await pool.run {
            var status = stat()
            return stat(path, &status) == 0 ? Int64(status.st_size) : nil
        }
    }

    /// Moves a file to another key at once; what was there is replaced.
    package func move(_ source: Key, to target: Key) async throws {
        let (from, to) = (path(of: source), path(of: target))
        try await pool.run {
            try Self.makeParent(of: to)
            try Self.check(rename(from, to), "move")
        }
    }

    /// Removes a file, or a folder with everything in it. What is not there is no error.
    package func remove(_ key: Key) async throws {
        let path = path(of: key)
        try await pool.run {
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        }
    }

    /// The folder of `key`, made if it is missing: for work that writes several files of its own.
    package func folder(_ key: Key) async throws -> String {
        let path = path(of: key)
        try await pool.run {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        return path
    }

    /// Everything that lies at or below `key`.
    /// - Returns: the path of each file below the store's root, in order, and where it lies on the disk.
    package func files(under key: Key) async throws -> [(name: String, path: String)] {
        let (path, prefix) = (path(of: key), key.segments.joined(separator: "/"))
        return try await pool.run {
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            guard status.st_mode & S_IFMT == S_IFDIR else { return [(prefix, path)] }
            guard let entries = FileManager.default.enumerator(atPath: path) else { return [] }
            var found: [(name: String, path: String)] = []
            for case let entry as String in entries {
                if stat(path + "/" + entry, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                    found.append((prefix + "/" + entry, path + "/" + entry))
                }
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// Bytes on disk under `key`, files of folders added up.
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
        try makeParent(of: path)
        let descriptor = Foundation.open(path, flags | O_CLOEXEC, 0o600)
        try check(descriptor < 0 ? -1 : 0, "open")
        return descriptor
    }

    private static func makeParent(of path: String) throws {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
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

    private static func check(_ result: Int32, _ verb: String) throws {
        guard result != 0 else { return }
        let code = errno
        if code == ENOSPC || code == EDQUOT { throw Problem(.storageFull, headers: ["Retry-After": "60"]) }
        throw Failure(verb: verb, code: code)
    }

    /// A disk operation that failed, by its system error number.
    package struct Failure: Error, CustomStringConvertible {
        let verb: String
        let code: Int32
        package var description: String { "could not \(verb) a file: \(String(cString: strerror(code)))" }
    }
}

extension Problem.Kind {
    package static let storageFull = Self("storage-full", "There is no room left to store this", status: 507)
}
