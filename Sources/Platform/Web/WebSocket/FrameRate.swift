import NIOCore

/// The frames that one client may send, as a value: some at once, and from then on a number in each second (GCRA).
struct FrameRate {
    private let interval: TimeAmount
    private let tolerance: TimeAmount
    /// When the frames so far would have arrived, had they been sent at the rate.
    private var expected = NIODeadline.distantPast

    /// - Parameters:
    ///   - burst: the frames that may arrive at once, at least 1.
    ///   - perSecond: the frames that may arrive in each second after them, at least 1.
    init(burst: Int, perSecond: Int) {
        interval = .nanoseconds(1_000_000_000 / Int64(perSecond))
        tolerance = interval * (burst - 1)
    }

    /// Counts a frame.
    /// - Returns: false for one beyond the rate, which is not counted.
    mutating func accepts(at now: NIODeadline) -> Bool {
        let arrival = max(expected, now)
        guard arrival - now <= tolerance else { return false }
        expected = arrival + interval
        return true
    }
}
