import Synchronization

/// Wakes the runners of this process: something may be waiting for them.
final class JobNotifier: Sendable {
    private let listeners = Mutex<[Listener]>([])

    func announce() {
        listeners.withLock { $0 }.forEach { $0.wake() }
    }

    func add(_ listener: Listener) { listeners.withLock { $0.append(listener) } }
    func remove(_ listener: Listener) { listeners.withLock { $0.removeAll { $0 === listener } } }

    /// One runner's ear. Calls that come while it is busy are one call.
    final class Listener: Sendable {
        let calls: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation
        private let heard = Mutex(false)

        init() { (calls, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

        /// A job arrived, in a transaction that may not have committed yet.
        func wake() {
            heard.withLock { $0 = true }
            continuation.yield()
        }

        /// Time to look around, for any other reason.
        func nudge() { continuation.yield() }

        /// Whether a job arrived since this was last asked.
        func takeWake() -> Bool {
            heard.withLock { heard in
                defer { heard = false }
                return heard
            }
        }
    }
}
