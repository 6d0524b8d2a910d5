import NIOCore
import Synchronization

/// What the readers of a measurement have received.
final class DeliveryLog: Sendable {
    private struct State {
        var count = 0
        var latencies = DurationHistogram()
    }

    private let state = Mutex(State())

    /// Messages, of all readers together.
    var count: Int { state.withLock { $0.count } }

    /// Begins again at zero.
    func reset() { state.withLock { $0 = State() } }

    /// Other messages than those of the bench, such as notices, do not count.
    func record(_ message: ByteBuffer) {
        guard let age = BenchMessage.age(of: message) else { return }
        state.withLock { state in
            state.count += 1
            state.latencies.record(age)
        }
    }

    /// - Parameter percentage: from 0 to 100.
    func percentile(_ percentage: Double) -> Duration { state.withLock { $0.latencies.percentile(percentage) } }

    /// Waits for this number of messages.
    /// - Throws: ``Incomplete`` after `limit`.
    func wait(for expected: Int, atMost limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        while count < expected {
            guard ContinuousClock.now < deadline else { throw Incomplete(expected: expected, received: count) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    struct Incomplete: Error, CustomStringConvertible {
        let expected: Int
        let received: Int
        var description: String { "\(received) of \(expected) messages have arrived" }
    }
}
