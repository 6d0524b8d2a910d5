import Synchronization

/// Holds responses back until a test releases them, which it has to.
package final class TestStripeHold: Sendable {
    private struct State {
        var isReleased = false
        var count = 0
        var held: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Is released after a time.
    init(for duration: Duration) {
        Task {
            try? await Task.sleep(for: duration)
            release()
        }
    }

    /// The number of responses that it has held back, also those that are released.
    package var count: Int { state.withLock { $0.count } }
    var isReleased: Bool { state.withLock { $0.isReleased } }

    /// Sends the responses that are held back. Later ones are sent at once.
    package func release() {
        let held = state.withLock { state in
            defer { (state.isReleased, state.held) = (true, []) }
            return state.held
        }
        for send in held { send() }
    }

    /// Calls `send` when it is released, or at once where it was.
    func hold(_ send: @escaping @Sendable () -> Void) {
        let isReleased = state.withLock { state in
            state.count += 1
            if !state.isReleased { state.held.append(send) }
            return state.isReleased
        }
        if isReleased { send() }
    }
}
