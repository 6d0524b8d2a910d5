import Synchronization

/// The steps of transactions that have failed. A step is a statement after those that its transaction has run before
/// it, or the commit after all of them.
final class TransactionSteps: Sendable {
    private struct State {
        var known: Set<Int> = []
        var hasFailed = false
    }

    private let state = Mutex(State())

    /// Whether a step has failed in the present run.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// Begins a run, in which one step fails.
    func beginRun() { state.withLock { $0.hasFailed = false } }

    /// Whether a step is to fail: the first one of the run that has not failed in an earlier run.
    func fails(_ step: Int) -> Bool {
        state.withLock { state in
            guard !state.hasFailed, state.known.insert(step).inserted else { return false }
            state.hasFailed = true
            return true
        }
    }

    /// The step that follows another one in a transaction.
    /// - Parameter previous: 0 at its beginning.
    static func next(_ text: String, after previous: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(previous)
        hasher.combine(text)
        return hasher.finalize()
    }
}
