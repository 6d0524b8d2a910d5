import Foundation
package import NIOCore

/// A regular file that is open for reading, until this instance ends.
package final class OpenFile: Sendable {
    private let descriptor: CInt

    /// - Parameter descriptor: of a regular file; it is closed with this instance.
    package init(owning descriptor: CInt) { self.descriptor = descriptor }

    /// - Throws: ``FileChunks/Failure`` when the file cannot be opened or does not hold `range`.
    init(_ path: String, containing range: Range<Int64>) throws {
        // Without O_NONBLOCK, opening a FIFO blocks until a writer opens it.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileChunks.Failure.cannotOpen(errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw FileChunks.Failure.notAFile
        }
        guard range.lowerBound >= 0, range.upperBound <= Int64(status.st_size) else {
            throw FileChunks.Failure.tooShort
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Reads up to `count` bytes. Blocks.
    /// - Throws: ``FileChunks/Failure``, also at the end of the file.
    package func read(_ count: Int, at position: Int64) throws -> ByteBuffer {
        var chunk = ByteBufferAllocator().buffer(capacity: count)
        let read = chunk.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            max(-1, pread(descriptor, bytes.baseAddress, count, off_t(position)))
        }
        guard read >= 0 else { throw FileChunks.Failure.cannotRead(errno: errno) }
        guard read > 0 else { throw FileChunks.Failure.tooShort }
        return chunk
    }
}
