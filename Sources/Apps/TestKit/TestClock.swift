package import Base
import Synchronization

/// A clock that stands still until a test moves it.
package final class TestClock: Sendable {
    private let time: Mutex<Instant>

    /// 2026-01-31T12:00:00Z: the end of a month, where calendars are at their worst.
    package init(_ start: Instant = Instant(seconds: 1_769_860_800)) { time = Mutex(start) }

    package var now: Instant { time.withLock { $0 } }

    package func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
