import Synchronization

/// Suspends tasks until it is opened once.
package final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var count = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { state.withLock { $0.isOpen } }
    /// The number of suspended tasks.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Returns once the latch is open or the task is cancelled.
    package func wait() async {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiting[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
        }
    }

    package func open() {
        let waiting = state.withLock { state in
            defer { (state.isOpen, state.waiting) = (true, [:]) }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }
}
