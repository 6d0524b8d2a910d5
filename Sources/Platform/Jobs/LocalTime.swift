import Base
import Foundation

/// The local time of a time zone, as seconds since 1970-01-01T00:00:00 local time.
struct LocalTime: Sendable, Equatable {
    /// A time two days before or after a local time has the offset before or after any transition that affects it, the
    /// skipped days of Pacific islands included.
    private static let reach: Int64 = 2 * 86_400

    private let zone: TimeZone

    /// - Returns: nil for an unknown zone.
    init?(identifier: String) {
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        self.zone = zone
    }

    func local(_ instant: Instant) -> Int64 { instant.seconds + offset(at: instant.seconds) }

    /// The first instant with the local time `local`; for a skipped local time the first instant after the gap.
    func instant(ofLocal local: Int64) -> Instant {
        let before = offset(at: local - Self.reach)
        let after = offset(at: local + Self.reach)
        let candidates = [local - before, local - after].filter { $0 + offset(at: $0) == local }
        return Instant(seconds: candidates.min() ?? transition(from: local - Self.reach, to: local + Self.reach))
    }

    /// The first second in a range of instants at which the offset differs from the one at its start.
    private func transition(from start: Int64, to end: Int64) -> Int64 {
        let offset = offset(at: start)
        var (low, high) = (start, end)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if self.offset(at: middle) == offset { low = middle } else { high = middle }
        }
        return high
    }

    private func offset(at seconds: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds))))
    }
}
