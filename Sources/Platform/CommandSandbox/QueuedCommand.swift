import Synchronization

/// A command between the task that waits for it and the thread that runs it.
final class QueuedCommand: Sendable {
    typealias Outcome = Result<CommandResult, CommandSandboxError>

    private struct State {
        var continuation: CheckedContinuation<Outcome, Never>?
        var isStarted = false
        var isCancelled = false
    }

    private let execution: CommandExecution
    private let state = Mutex(State())

    init(_ execution: CommandExecution) { self.execution = execution }

    /// - Returns: false when the task has been cancelled; it has then been resumed.
    func enqueue(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let isWaiting = state.withLock { state in
            guard !state.isCancelled else { return false }
            state.continuation = continuation
            return true
        }
        if !isWaiting { continuation.resume(returning: .failure(.cancelled)) }
        return isWaiting
    }

    /// A command that waits ends at once; one that runs is killed first.
    func cancel() {
        let isStarted = state.withLock { state in
            state.isCancelled = true
            return state.isStarted
        }
        if !isStarted { finish(.failure(.cancelled)) }
    }

    /// Runs the command on this thread, unless it has been cancelled.
    func execute() {
        let starts = state.withLock { state in
            state.isStarted = !state.isCancelled
            return state.isStarted
        }
        guard starts else { return }
        finish(execution.run(isCancelled: { self.state.withLock(\.isCancelled) }))
    }

    /// Resumes the task, if it waits.
    func finish(_ outcome: Outcome) {
        let continuation = state.withLock { $0.continuation.take() }
        continuation?.resume(returning: outcome)
    }
}
