import Foundation

/// An advisory lock of a file (flock(2)), also between processes. It ends with this instance, and with the process.
package final class FileLock: Sendable {
    package enum Mode: Sendable { case shared, exclusive }

    private let descriptor: Int32

    /// - Parameters:
    ///   - path: the file; a missing one is created with mode 600 where it can be.
    ///   - waits: whether to wait for the lock. Blocks the calling thread.
    /// - Returns: nil where another lock excludes this one and `waits` is false.
    /// - Throws: ``FileStore/Failure`` where the file cannot be opened.
    package init?(_ path: String, _ mode: Mode, waits: Bool) throws {
        // NFS gives an exclusive lock to a file that is open for writing alone.
        var descriptor = open(path, (mode == .exclusive ? O_RDWR : O_RDONLY) | O_CREAT | O_CLOEXEC, 0o600)
        // On a file system that is mounted for reading.
        if descriptor < 0, errno == EROFS { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileStore.Failure(verb: "open", code: errno) }
        let operation = (mode == .shared ? LOCK_SH : LOCK_EX) | (waits ? 0 : LOCK_NB)
        while flock(descriptor, operation) != 0 {
            let code = errno
            if code == EINTR { continue }
            close(descriptor)
            if code == EWOULDBLOCK { return nil }
            throw FileStore.Failure(verb: "lock", code: code)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
