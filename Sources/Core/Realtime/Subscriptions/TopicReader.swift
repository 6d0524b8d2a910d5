import Modules
import Synchronization

/// The position of one subscription in its topic, and the signal that it waits for.
final class TopicReader: Sendable {
    private struct State {
        /// The last sequence number that was delivered.
        var position: Int64 = 0
        /// Whether it has read everything once: from then on it gets a notice when it lags.
        var isLive = false
        var isSignalled = false
        var waiter: Waiter?
        var end: SubscriptionEnd?
    }

    private enum Waiter {
        /// Unsafe, because a checked one allocates memory for each wait; ``signal()`` takes it, so it resumes once.
        case task(UnsafeContinuation<Void, Never>)
        case function(@Sendable () -> Void)
    }

    let feed: TopicFeed
    /// Whose access is checked again; nil for a reader that the server itself admits.
    let caller: TopicCaller?
    let begun = ContinuousClock.now
    private let state = Mutex(State())

    init(feed: TopicFeed, caller: TopicCaller?) {
        self.feed = feed
        self.caller = caller
    }

    /// How long it lasts.
    var lifetime: Duration { caller?.lifetime ?? SubscriptionService.lifetime }

    var end: SubscriptionEnd? { state.withLock { $0.end } }

    /// The position; nil once it has ended.
    var openPosition: Int64? { state.withLock { $0.end == nil ? $0.position : nil } }

    var position: Int64 {
        get { state.withLock { $0.position } }
        set { state.withLock { $0.position = newValue } }
    }

    /// Notes that everything is read.
    func becomeLive() { state.withLock { $0.isLive = true } }

    /// - Returns: whether the reader was live until now.
    func beginLag() -> Bool {
        state.withLock { state in
            defer { state.isLive = false }
            return state.isLive
        }
    }

    /// The first end counts.
    func finish(_ end: SubscriptionEnd) {
        state.withLock { if $0.end == nil { $0.end = end } }
        signal()
    }

    /// Ends the wait, or the next one where none is under way.
    func signal() {
        let waiter = state.withLock { state -> Waiter? in
            guard let waiter = state.waiter else {
                state.isSignalled = true
                return nil
            }
            (state.isSignalled, state.waiter) = (false, nil)
            return waiter
        }
        switch waiter {
        case .task(let continuation): continuation.resume()
        case .function(let function): function()
        case nil: break
        }
    }

    /// Calls `function` once, at the next signal, or at once where one was given since the last wait.
    func onSignal(_ function: @escaping @Sendable () -> Void) { if !begin(.function(function)) { function() } }

    /// Begins a wait.
    /// - Returns: false where a signal was given since the last one.
    private func begin(_ waiter: Waiter) -> Bool {
        state.withLock { state in
            guard !state.isSignalled else {
                state.isSignalled = false
                return false
            }
            state.waiter = waiter
            return true
        }
    }

    /// Returns at a signal, or at once where one was given since the last wait.
    func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if !begin(.task(continuation)) { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }

    /// As ``wait()``, at most for `limit`.
    func wait(atMost limit: Duration) async {
        let timer = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            signal()
        }
        defer { timer.cancel() }
        await wait()
    }
}
