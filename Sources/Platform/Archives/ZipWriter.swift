package import Base
import CArchive
import Foundation
import Secrets

/// Writes a ZIP file entry by entry as a stream, in bounded memory. Sizes beyond 4 GiB are written as ZIP64.
///
/// libarchive blocks, so the actor runs on a thread of its own.
package actor ZipWriter {
    /// The name, size and digest of a finished entry.
    package struct Entry: Sendable, Hashable {
        package let name: String
        package let bytes: Int64
        /// SHA-256 of the content, in hexadecimal.
        package let sha256: String
    }

    private nonisolated let executor = BlockingExecutor(label: "zip")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let archive: Archive
    private var open: (name: String, bytes: Int64, digest: Digest)?

    private static let bufferBytes = 256 << 10

    /// - Parameter path: the file to write, with mode 600; an existing file is replaced.
    package init(path: String) throws {
        archive = try Archive(path: path)
    }

    /// Begins an entry. The previous entry must have ended.
    /// - Parameter name: ASCII, with slashes between folders.
    package func begin(_ name: String, modified: Instant) throws {
        precondition(open == nil, "the previous entry of the ZIP file has not ended")
        try archive.begin(name, modified: modified)
        open = (name, 0, Digest())
    }

    package func write(_ bytes: [UInt8]) throws {
        precondition(open != nil, "no entry of the ZIP file has begun")
        try archive.write(bytes)
        open?.bytes += Int64(bytes.count)
        open?.digest.update(bytes)
    }

    package func end() throws -> Entry {
        guard let entry = open else { preconditionFailure("no entry of the ZIP file has begun") }
        try archive.end()
        open = nil
        return Entry(name: entry.name, bytes: entry.bytes, sha256: entry.digest.hex())
    }

    /// Adds an open file as an entry.
    /// - Parameter descriptor: it is closed.
    package func add(_ name: String, owning descriptor: Int32, modified: Instant) throws -> Entry {
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try begin(name, modified: modified)
        while let data = try file.read(upToCount: Self.bufferBytes), !data.isEmpty { try write(Array(data)) }
        return try end()
    }

    /// Writes the central directory and makes the file durable. No method may be called afterwards.
    package func close() throws {
        precondition(open == nil, "the last entry of the ZIP file has not ended")
        try archive.close()
    }
}

/// Owns a handle of libarchive and its file descriptor.
private final class Archive {
    private let handle: OpaquePointer
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ArchiveFailure(reason: String(cString: strerror(errno))) }
        guard let handle = archive_write_new() else {
            Foundation.close(descriptor)
            throw ArchiveFailure(reason: "no memory")
        }
        self.handle = handle
        try check(archive_write_set_format_zip(handle))
        // The last block is not padded.
        try check(archive_write_set_bytes_in_last_block(handle, 1))
        try check(archive_write_open_fd(handle, descriptor))
    }

    deinit {
        archive_write_free(handle)
        Foundation.close(descriptor)
    }

    func begin(_ name: String, modified: Instant) throws {
        precondition(name.utf8.allSatisfy { (33...126).contains($0) }, "'\(name)' is not a valid entry name")
        guard let entry = archive_entry_new() else { throw ArchiveFailure(reason: "no memory") }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, name)
        // A regular file (POSIX, <sys/stat.h>) of an unknown size.
        archive_entry_set_filetype(entry, 0o100000)
        archive_entry_set_perm(entry, 0o600)
        archive_entry_set_mtime(entry, time_t(modified.seconds), 0)
        try check(archive_write_header(handle, entry))
    }

    func write(_ bytes: [UInt8]) throws {
        let written = bytes.withUnsafeBytes { archive_write_data(handle, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw failure }
    }

    func end() throws { try check(archive_write_finish_entry(handle)) }

    func close() throws {
        try check(archive_write_close(handle))
        guard fsync(descriptor) == 0 else { throw ArchiveFailure(reason: String(cString: strerror(errno))) }
    }

    private func check(_ result: Int32) throws {
        guard result == ARCHIVE_OK else { throw failure }
    }

    private var failure: ArchiveFailure {
        ArchiveFailure(reason: archive_error_string(handle).map { String(cString: $0) } ?? "unknown")
    }
}

/// An error of libarchive or of the file system while an archive is written.
package struct ArchiveFailure: Error, CustomStringConvertible {
    let reason: String
    package var description: String { "The archive could not be written: \(reason)" }
}
