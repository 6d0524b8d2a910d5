package import Base
package import Logging
import Synchronization

/// The newest log lines of this process, in memory, as they were written: secrets are redacted.
package final class RecentLog: Sendable {
    /// Lines that are kept.
    package static let linesMax = 1_000
    /// Of one line, in bytes; longer ones are not kept.
    private static let lineBytesMax = 8 << 10

    private struct Line {
        let level: Logger.Level
        let bytes: [UInt8]
    }

    private struct State {
        var lines: [Line] = []
        /// Where the next line goes, once there are as many as are kept.
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// - Parameter line: a JSON object.
    func add(_ line: [UInt8], _ level: Logger.Level) {
        guard line.count <= Self.lineBytesMax else { return }
        let line = Line(level: level, bytes: line)
        state.withLock { state in
            if state.lines.count < Self.linesMax {
                state.lines.append(line)
            } else {
                state.lines[state.next] = line
                state.next = (state.next + 1) % Self.linesMax
            }
        }
    }

    /// The newest lines, the oldest of them first.
    /// - Parameter level: the lowest.
    package func lines(_ count: Int, from level: Logger.Level) -> [JSONValue] {
        let (lines, next) = state.withLock { ($0.lines, $0.next) }
        let ordered = lines[next...] + lines[..<next]
        return ordered.filter { $0.level >= level }.suffix(count).compactMap { try? JSONValue(parsing: $0.bytes) }
    }
}
