import CSandbox
import Glibc

/// A pipe that a command writes to, and the beginning of what it wrote.
struct OutputPipe {
    private var readEnd: OwnedDescriptor?
    private var writeEnd: OwnedDescriptor?
    private let limit: Int
    private var bytes: [UInt8] = []
    private var isTruncated = false

    private static let chunkBytes = 64 << 10

    init(limit: Int) throws(CommandSandboxError) {
        var ends: [Int32] = [-1, -1]
        guard gatehouse_pipe(&ends) == 0 else { throw .system(call: "pipe", code: errno) }
        (readEnd, writeEnd) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
        self.limit = limit
        // The writing end keeps blocking: the two have their own flags.
        guard fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 else { throw .system(call: "fcntl", code: errno) }
    }

    /// The writing end, once.
    mutating func takeWriteEnd() -> OwnedDescriptor {
        guard let end = writeEnd.take() else { preconditionFailure("the writing end was taken before") }
        return end
    }

    var captured: CommandOutput { CommandOutput(bytes: bytes, isTruncated: isTruncated) }

    /// For `poll`; a closed pipe is ignored by it.
    var pollEntry: pollfd { pollfd(fd: readEnd?.number ?? -1, events: Int16(POLLIN), revents: 0) }

    /// Reads until the pipe is empty, and closes it at its end, or once there is more than the limit.
    mutating func readAvailable() {
        // One byte more shows that there is more.
        while let chunk = readChunk(upTo: limit - bytes.count + 1) {
            let space = limit - bytes.count
            bytes += chunk.prefix(space)
            isTruncated = chunk.count > space
            if isTruncated { readEnd = nil }
        }
    }

    /// Reads until the pipe is empty, and closes it at its end. What is beyond the limit is discarded.
    mutating func discardBeyondLimit() {
        while let chunk = readChunk() {
            let space = limit - bytes.count
            bytes += chunk.prefix(space)
            isTruncated = isTruncated || chunk.count > space
        }
    }

    /// The next bytes, which are not among ``captured``. Closes the pipe at its end.
    /// - Returns: nil where there are none for now, and at the end.
    mutating func readChunk(upTo bytesMax: Int = Self.chunkBytes) -> [UInt8]? {
        guard let end = readEnd else { return nil }
        let wanted = min(Self.chunkBytes, bytesMax)
        var count = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            repeat { count = read(end.number, buffer.baseAddress, wanted) } while count < 0 && errno == EINTR
            initialized = max(count, 0)
        }
        if count < 0, errno == EAGAIN { return nil }
        if count <= 0 { readEnd = nil }
        return count > 0 ? chunk : nil
    }
}
