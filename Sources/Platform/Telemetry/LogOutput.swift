import Dispatch
import Foundation
import Synchronization

/// The destination of log lines: standard output, or the list of a test.
///
/// A caller never waits for standard output. Lines are buffered for 10 ms and written together, in order, on a queue of
/// their own. The buffer is written when the process exits; a process that is killed loses the lines of up to 10 ms.
package final class LogOutput: Sendable {
    package static let standard: LogOutput = {
        atexit { LogOutput.standard.flush() }
        return LogOutput(keepsLines: false)
    }()

    /// Whether standard output is a terminal.
    package static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    private struct Buffer {
        var bytes: [UInt8] = []
        var isFlushDue = false
        /// Lines discarded because the buffer was full.
        var dropped = 0
    }

    /// How long lines are buffered.
    private static let flushInterval = DispatchTimeInterval.milliseconds(10)
    /// While standard output blocks, lines beyond this size are counted and dropped.
    private static let bufferBytesMax = 8 << 20

    private let keepsLines: Bool
    private let kept = Mutex<[String]>([])
    private let buffer = Mutex(Buffer())
    private let writing = Mutex(())
    private let queue = DispatchQueue(label: "log", qos: .utility)

    package init(keepsLines: Bool) { self.keepsLines = keepsLines }

    /// The lines of a test.
    package var lines: [String] { kept.withLock { $0 } }

    /// - Returns: the number of lines dropped since the last one that was written.
    func write(line: [UInt8]) -> Int {
        guard !keepsLines else {
            kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            return 0
        }
        let (dropped, isFirst) = buffer.withLock { buffer in
            guard buffer.bytes.count + line.count <= Self.bufferBytesMax else {
                buffer.dropped += 1
                return (0, false)
            }
            buffer.bytes += line
            defer { (buffer.dropped, buffer.isFlushDue) = (0, true) }
            return (buffer.dropped, !buffer.isFlushDue)
        }
        if isFirst { queue.asyncAfter(deadline: .now() + Self.flushInterval) { self.flush() } }
        return dropped
    }

    /// Writes the buffer.
    package func flush() {
        // One lock around reading the buffer and writing it keeps the order of lines between concurrent flushes.
        writing.withLock { _ in
            let bytes = buffer.withLock { buffer in
                defer { (buffer.bytes, buffer.isFlushDue) = ([], false) }
                return buffer.bytes
            }
            bytes.withUnsafeBytes { Self.write($0) }
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Foundation.write(
                STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                var writable = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&writable, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
