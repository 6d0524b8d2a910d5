/// Messages from the body of a transaction, which cannot await, to its test.
final class Signal: Sendable {
    private let stream: AsyncStream<Int64>
    private let continuation: AsyncStream<Int64>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func send(_ value: Int64 = 0) { continuation.yield(value) }

    /// Waits for the next message.
    @discardableResult
    func received() async -> Int64? { await stream.first { _ in true } }
}
