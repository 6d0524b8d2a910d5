import Dispatch
import Foundation
import Synchronization

/// Where lines go: standard output, or a test's own list.
///
/// Whoever logs never waits for standard output. Lines are gathered for a moment and written together by a queue of
/// their own, in their order; what is gathered when the process exits is written then. Only a process that is killed
/// takes the lines of that moment with it.
package final class LogOutput: Sendable {
    package static let standard: LogOutput = {
        atexit { LogOutput.standard.flush() }
        return LogOutput(keepsLines: false)
    }()

    private struct Gathered {
        var bytes: [UInt8] = []
        var isFlushDue = false
        /// Lines for which there was no room.
        var lost = 0
    }

    /// How long lines are gathered.
    private static let moment = DispatchTimeInterval.milliseconds(10)
    /// Where standard output takes nothing for so long that more than this is gathered, further lines are counted and
    /// lost.
    private static let gatheredBytesMax = 8 << 20

    private let keepsLines: Bool
    private let kept = Mutex<[String]>([])
    private let gathered = Mutex(Gathered())
    private let writing = Mutex(())
    private let queue = DispatchQueue(label: "log", qos: .utility)

    package init(keepsLines: Bool) { self.keepsLines = keepsLines }

    /// What was written, for a test to read.
    package var lines: [String] { kept.withLock { $0 } }

    /// - Returns: how many lines were lost before this one, to be told once.
    func write(line: [UInt8]) -> Int {
        guard !keepsLines else {
            kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            return 0
        }
        let (lost, isFirst) = gathered.withLock { gathered in
            guard gathered.bytes.count + line.count <= Self.gatheredBytesMax else {
                gathered.lost += 1
                return (0, false)
            }
            gathered.bytes += line
            defer { (gathered.lost, gathered.isFlushDue) = (0, true) }
            return (gathered.lost, !gathered.isFlushDue)
        }
        if isFirst { queue.asyncAfter(deadline: .now() + Self.moment) { self.flush() } }
        return lost
    }

    /// Writes what was gathered so far.
    private func flush() {
        // Taken and written under one lock, so that lines keep their order whoever flushes.
        writing.withLock { _ in
            let bytes = gathered.withLock { gathered in
                defer { (gathered.bytes, gathered.isFlushDue) = ([], false) }
                return gathered.bytes
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
                var room = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&room, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
