import Synchronization

/// A clock that advances only by ``advance(by:)``.
final class ManualClock: Sendable {
    private let time = Atomic<Int64>(1_000_000_000)
    /// In microseconds.
    var now: Int64 { time.load(ordering: .relaxed) }
    func advance(by duration: Duration) { time.wrappingAdd(Int64(duration / .microseconds(1)), ordering: .relaxed) }
}
