package import Base
package import Logging
import Synchronization

/// The newest log lines of this process, in memory, as they were written: secrets are redacted. Warnings and errors are
/// kept apart as well: lines below them, which requests of anyone cause, push none of them out.
package final class RecentLog: Sendable {
    /// Lines that are kept of each.
    package static let linesMax = 1_000
    /// Of one line, in bytes; longer ones are not kept.
    private static let lineBytesMax = 8 << 10

    private struct Line {
        let level: Logger.Level
        let bytes: [UInt8]
    }

    /// The newest lines at a level or above.
    private struct Ring {
        let level: Logger.Level
        var lines: [Line] = []
        /// Where the next line goes, once there are as many as are kept.
        var next = 0

        mutating func add(_ line: Line) {
            if lines.count < RecentLog.linesMax {
                lines.append(line)
            } else {
                lines[next] = line
                next = (next + 1) % RecentLog.linesMax
            }
        }
    }

    /// By their levels, the lowest first.
    private let rings = Mutex([Logger.Level.trace, .warning, .error].map { Ring(level: $0) })

    package init() {}

    /// - Parameter line: a JSON object.
    func add(_ line: [UInt8], _ level: Logger.Level) {
        guard line.count <= Self.lineBytesMax else { return }
        let line = Line(level: level, bytes: line)
        rings.withLock { rings in
            for index in rings.indices where rings[index].level <= level { rings[index].add(line) }
        }
    }

    /// The newest lines, the oldest of them first.
    /// - Parameter level: the lowest.
    package func lines(_ count: Int, from level: Logger.Level) -> [JSONValue] {
        let ring = rings.withLock { rings in rings.last { $0.level <= level } }
        guard let (lines, next) = ring.map({ ($0.lines, $0.next) }) else { return [] }
        let ordered = lines[next...] + lines[..<next]
        return ordered.filter { $0.level >= level }.suffix(count).compactMap { try? JSONValue(parsing: $0.bytes) }
    }
}
