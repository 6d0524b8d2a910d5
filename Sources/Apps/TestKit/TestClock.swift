package import Base
import Synchronization

/// A clock that changes only when a test advances it.
package final class TestClock: Sendable {
    private let time: Mutex<Instant>

    /// 2026-01-31T12:00:00Z by default: a month later is clamped to the end of February.
    package init(_ start: Instant = Instant(seconds: 1_769_860_800)) { time = Mutex(start) }

    package var now: Instant { time.withLock { $0 } }

    package func set(_ instant: Instant) { time.withLock { $0 = instant } }
    package func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
