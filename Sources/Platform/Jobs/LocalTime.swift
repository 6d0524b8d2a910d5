import Base
import Foundation

/// The local time of a place, as seconds that a clock on its wall would have counted since 1970.
struct LocalTime: Sendable, Equatable {
    /// Two days to either side lie outside of any change of clocks that touches a local time, a skipped day in the Pacific included.
    private static let reach: Int64 = 2 * 86_400

    private let zone: TimeZone

    /// - Returns: nil where there is no such zone.
    init?(identifier: String) {
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        self.zone = zone
    }

    func local(_ instant: Instant) -> Int64 { instant.seconds + offset(at: instant.seconds) }

    /// The first instant at which the clock shows `local`; where it never does, because it was put forward, the first instant after the gap.
    func instant(ofLocal local: Int64) -> Instant {
        let before = offset(at: local - Self.reach)
        let after = offset(at: local + Self.reach)
        let candidates = [local - before, local - after].filter { $0 + offset(at: $0) == local }
        return Instant(seconds: candidates.min() ?? change(from: local - Self.reach, to: local + Self.reach))
    }

    /// The first second in a range of instants at which the offset is no longer what it was at its start.
    private func change(from start: Int64, to end: Int64) -> Int64 {
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
