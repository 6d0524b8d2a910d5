import Base
import Storage
import Synchronization

/// Signals of the queue, in this process and from other processes: jobs that wait to be claimed, and jobs that have
/// ended.
///
/// Signals are given after the commit and may be lost on the way between processes, so every waiting task also polls.
final class JobNotifier: Sendable {
    private struct State {
        var runners: [Registration] = []
        var waiters: [ID<QueuedJob>: [WakeUpSignal]] = [:]
    }

    /// A runner's interest in the jobs of its kinds.
    final class Registration: Sendable {
        let kinds: Set<String>
        let signal = WakeUpSignal()

        fileprivate init(kinds: Set<String>) { self.kinds = kinds }
    }

    /// The messages between processes.
    private enum Message {
        static let queued = "queued"
        static let ended = "ended"
    }

    private let state = Mutex(State())

    /// Signals that a job of `kind` waits or has another due time, once `transaction` has committed.
    func signalQueued(_ kind: String, in transaction: Transaction) {
        transaction.afterCommit { self.wakeRunners(of: kind) }
        transaction.notifyOtherProcesses("\(Message.queued) \(kind)")
    }

    /// Signals that a job is finished, once `transaction` has committed.
    func signalEnd(of id: ID<QueuedJob>, in transaction: Transaction) {
        transaction.afterCommit { self.wakeWaiters(for: id) }
        transaction.notifyOtherProcesses("\(Message.ended) \(id)")
    }

    /// Passes on what another process has committed.
    func receive(_ notification: DatabaseNotification) {
        guard case .message(let text) = notification else { return wakeAll() }
        let words = text.split(separator: " ", maxSplits: 1)
        switch (words.first.map(String.init), words.last.map(String.init)) {
        case (Message.queued, let kind?): wakeRunners(of: kind)
        case (Message.ended, let id?): wakeWaiters(for: ID(trusted: id))
        default: break
        }
    }

    func addRunner(of kinds: Set<String>) -> Registration {
        let registration = Registration(kinds: kinds)
        state.withLock { $0.runners.append(registration) }
        return registration
    }

    func remove(_ registration: Registration) { state.withLock { $0.runners.removeAll { $0 === registration } } }

    func addWaiter(for id: ID<QueuedJob>) -> WakeUpSignal {
        let signal = WakeUpSignal()
        state.withLock { $0.waiters[id, default: []].append(signal) }
        return signal
    }

    func remove(_ waiter: WakeUpSignal, for id: ID<QueuedJob>) {
        state.withLock { state in
            state.waiters[id]?.removeAll { $0 === waiter }
            if state.waiters[id]?.isEmpty == true { state.waiters[id] = nil }
        }
    }

    private func wakeRunners(of kind: String) {
        for runner in state.withLock({ $0.runners }) where runner.kinds.contains(kind) { runner.signal.signal() }
    }

    private func wakeWaiters(for id: ID<QueuedJob>) {
        for waiter in state.withLock({ $0.waiters[id] ?? [] }) { waiter.signal() }
    }

    private func wakeAll() {
        let signals = state.withLock { $0.runners.map(\.signal) + $0.waiters.values.joined() }
        for signal in signals { signal.signal() }
    }
}
