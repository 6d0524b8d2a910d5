import Synchronization

/// A flag that one task waits for. Signals without a waiting task are kept as one.
final class WakeUpSignal: Sendable {
    private enum State {
        case idle
        case signalled
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    func signal() {
        let continuation: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard case .waiting(let continuation) = state else {
                state = .signalled
                return nil
            }
            state = .idle
            return continuation
        }
        continuation?.resume()
    }

    /// Returns at a signal, after `limit`, or when the task is cancelled; sometimes earlier, so callers check what they
    /// wait for.
    func wait(atMost limit: Duration) async {
        guard limit > .zero else { return }
        let timer = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            signal()
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = state.withLock { state in
                    if case .signalled = state {
                        state = .idle
                        return true
                    }
                    state = .waiting(continuation)
                    return false
                }
                if isSignalled { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }
}
