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
        private let lanes = Mutex(Set(JobLane.allCases))

        fileprivate init(kinds: Set<String>) { self.kinds = kinds }

        /// The lanes with free slots, before the runner looks for jobs in them. A job that is queued in another lane
        /// needs no signal: the end of a running job gives one.
        func setVacant(_ vacant: Set<JobLane>) { lanes.withLock { $0 = vacant } }

        fileprivate func waits(for kind: String, in lane: JobLane) -> Bool {
            kinds.contains(kind) && lanes.withLock { $0.contains(lane) }
        }
    }

    /// The messages between processes.
    private enum Message {
        static let queued = "queued"
        static let ended = "ended"
    }

    private let state = Mutex(State())

    /// Signals that a job of `kind` waits or has another due time, once `transaction` has committed.
    func signalQueued(_ kind: String, _ lane: JobLane, in transaction: Transaction) {
        transaction.afterCommit { self.wakeRunners(of: kind, lane) }
        transaction.notifyOtherProcesses("\(Message.queued) \(lane.rawValue) \(kind)")
    }

    /// Signals that a job is finished, once `transaction` has committed.
    func signalEnd(of id: ID<QueuedJob>, in transaction: Transaction) {
        transaction.afterCommit { self.wakeWaiters(for: id) }
        transaction.notifyOtherProcesses("\(Message.ended) \(id)")
    }

    /// Passes on what another process has committed.
    func receive(_ notification: DatabaseNotification) {
        guard case .message(let text) = notification else { return wakeAll() }
        let words = text.split(separator: " ").map(String.init)
        switch words.first {
        case Message.queued where words.count == 3:
            if let lane = JobLane(rawValue: words[1]) { wakeRunners(of: words[2], lane) }
        case Message.ended where words.count == 2: wakeWaiters(for: ID(trusted: words[1]))
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

    private func wakeRunners(of kind: String, _ lane: JobLane) {
        for runner in state.withLock({ $0.runners }) where runner.waits(for: kind, in: lane) { runner.signal.signal() }
    }

    private func wakeWaiters(for id: ID<QueuedJob>) {
        for waiter in state.withLock({ $0.waiters[id] ?? [] }) { waiter.signal() }
    }

    private func wakeAll() {
        let signals = state.withLock { $0.runners.map(\.signal) + $0.waiters.values.joined() }
        for signal in signals { signal.signal() }
    }
}
