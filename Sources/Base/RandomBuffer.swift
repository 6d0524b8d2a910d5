import Foundation
import Synchronization

/// Buffered random bytes of `getentropy`: a system call for ten bytes takes as long as one for 256, and every request
/// needs about ten.
///
/// Bytes are overwritten in the buffer when they are handed out. Processes are started and never forked, so no two
/// processes share a buffer.
final class RandomBuffer: Sendable {
    /// The maximum of one `getentropy` call.
    private static let bufferBytes = 256

    private struct Buffer {
        var bytes = [UInt8](repeating: 0, count: bufferBytes)
        var left = 0
    }

    private let buffer = Mutex(Buffer())

    /// - Returns: `count` bytes; more than a quarter of the buffer come from the system directly.
    @Sendable func bytes(_ count: Int) -> [UInt8] {
        guard count <= Self.bufferBytes / 4 else { return Self.fresh(count) }
        return buffer.withLock { buffer in
            if buffer.left < count { (buffer.bytes, buffer.left) = (Self.fresh(Self.bufferBytes), Self.bufferBytes) }
            let range = buffer.left - count..<buffer.left
            defer {
                for index in range { buffer.bytes[index] = 0 }
                buffer.left -= count
            }
            return Array(buffer.bytes[range])
        }
    }

    private static func fresh(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            while filled < count {
                let length = min(count - filled, bufferBytes)
                guard getentropy(bytes.baseAddress.map { $0 + filled }, length) == 0 else {
                    preconditionFailure("getentropy failed: \(String(cString: strerror(errno)))")
                }
                filled += length
            }
        }
    }
}
