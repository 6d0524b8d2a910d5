import Foundation
import Secrets

/// Files that are on the disk when a function returns. Their mode is 600, and that of their folders 700.
enum DurableFile {
    private static let chunkBytes = 1 << 20

    /// The size and the digest of a file that was read, and its modification time where nothing changed it meanwhile.
    struct Content: Sendable {
        let bytes: Int64
        let sha256: String
        let modified: Int64?
    }

    static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    static func write(_ data: Data, to path: String) throws {
        let descriptor = try create(path)
        defer { close(descriptor) }
        try data.withUnsafeBytes { try write($0, to: descriptor, path) }
        try synchronize(descriptor, path)
    }

    /// Copies a file, and calls `fsync` for the copy.
    /// - Returns: nil where `source` does not exist.
    static func copy(_ source: String, to target: String) throws -> Content? {
        try open(source, notFollowing).map { try copy(owning: $0, source, to: target) }
    }

    /// As above, of an open file, which is closed.
    static func copy(owning input: Int32, _ source: String, to target: String) throws -> Content {
        defer { close(input) }
        let output = try create(target)
        defer { close(output) }
        let content = try read(input, source) { try write($0, to: output, target) }
        try synchronize(output, target)
        return content
    }

    /// Reads a file as a whole.
    /// - Returns: nil where it does not exist.
    static func content(of path: String) throws -> Content? {
        guard let input = try open(path, notFollowing) else { return nil }
        defer { close(input) }
        return try read(input, path) { _ in }
    }

    /// Calls `fsync` for a file, or for the entries of a folder.
    static func synchronize(_ path: String) throws {
        guard let descriptor = try open(path) else { throw failure("cannot be found", path) }
        defer { close(descriptor) }
        try synchronize(descriptor, path)
    }

    /// Renames a file or a folder, and calls `fsync` for the folder of the new name.
    static func rename(_ source: String, to target: String) throws {
        guard Foundation.rename(source, target) == 0 else { throw failure("cannot be renamed to \(target)", source) }
        try synchronize(URL(filePath: target).deletingLastPathComponent().path)
    }

    /// The size and modification time of a regular file; nil for anything else.
    static func status(of path: String) -> (bytes: Int64, modified: Int64)? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return (Int64(status.st_size), modified(status))
    }

    private static func modified(_ status: stat) -> Int64 {
        Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    /// A tenant's command may have put a link or a pipe where a file was.
    private static let notFollowing = O_NOFOLLOW | O_NONBLOCK

    private static func open(_ path: String, _ flags: Int32 = 0) throws -> Int32? {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | flags)
        if descriptor < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        guard descriptor >= 0 else { throw failure("cannot be read", path) }
        return descriptor
    }

    private static func create(_ path: String) throws -> Int32 {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be created", path) }
        return descriptor
    }

    private static func read(_ input: Int32, _ path: String, _ use: (UnsafeRawBufferPointer) throws -> Void) throws
        -> Content
    {
        var before = stat()
        guard fstat(input, &before) == 0 else { throw failure("cannot be read", path) }
        guard before.st_mode & S_IFMT == S_IFREG else { throw BackupFault("\(path) is no regular file.") }
        var digest = Digest()
        var bytes: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Foundation.read(input, buffer.baseAddress, chunkBytes)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot be read", path) }
            if count == 0 { break }
            let chunk = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            digest.update(chunk)
            try use(chunk)
            bytes += Int64(count)
        }
        var after = stat()
        var now = timespec()
        guard fstat(input, &after) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0 else {
            throw failure("cannot be read", path)
        }
        // The times of files have the resolution of the kernel's tick: a change right after the reading may not show.
        let isSettled = modified(after) < Int64(now.tv_sec - 2) * 1_000_000_000
        let isUnchanged = modified(before) == modified(after) && Int64(before.st_size) == bytes
        return Content(
            bytes: bytes, sha256: digest.hex(), modified: isSettled && isUnchanged ? modified(after) : nil)
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        var done = 0
        while done < bytes.count {
            let count = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot be written", path) }
            done += count
        }
    }

    private static func synchronize(_ descriptor: Int32, _ path: String) throws {
        guard fsync(descriptor) == 0 else { throw failure("cannot be written", path) }
    }

    private static func failure(_ what: String, _ path: String) -> BackupFault {
        BackupFault("\(path) \(what): \(String(cString: strerror(errno))).")
    }
}
