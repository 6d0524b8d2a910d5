import Foundation
import NIOCore
import NIOPosix

/// A range of a file, read in chunks on a thread that may block.
struct FileChunks: ~Copyable {
    enum Failure: Error {
        case cannotOpen(errno: CInt)
        case notAFile
        case cannotRead(errno: CInt)
        /// The file ends before the range does.
        case tooShort
    }

    private let file: OpenFile
    private var position: Int64
    private let end: Int64

    /// - Throws: ``Failure`` when the file cannot be opened or does not hold `range`.
    init(path: String, range: Range<Int64>) async throws {
        file = try await NIOThreadPool.singleton.runIfActive { try OpenFile(path, containing: range) }
        position = range.lowerBound
        end = range.upperBound
    }

    /// - Returns: nil at the end of the range.
    mutating func next() async throws -> ByteBuffer? {
        guard position < end else { return nil }
        let (file, position, count) = (file, position, Int(min(end - position, Int64(HTTPLimits.fileChunkBytes))))
        let chunk = try await NIOThreadPool.singleton.runIfActive { try file.read(count, at: position) }
        self.position += Int64(chunk.readableBytes)
        return chunk
    }
}

private final class OpenFile: Sendable {
    private let descriptor: CInt

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

    func read(_ count: Int, at position: Int64) throws -> ByteBuffer {
        var chunk = ByteBufferAllocator().buffer(capacity: count)
        let read = chunk.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            max(-1, pread(descriptor, bytes.baseAddress, count, off_t(position)))
        }
        guard read >= 0 else { throw FileChunks.Failure.cannotRead(errno: errno) }
        guard read > 0 else { throw FileChunks.Failure.tooShort }
        return chunk
    }
}
