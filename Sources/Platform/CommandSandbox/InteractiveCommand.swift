import Synchronization

/// A command that is talked to while it runs.
package final class InteractiveCommand: Sendable {
    /// Why it has ended.
    package enum End: Sendable, Hashable {
        case command(CommandEnd)
        /// It was stopped: by ``InteractiveCommand/stop()``, because its output was refused, or because the server ends.
        case stopped
        case failed(CommandSandboxError)
    }

    private struct State {
        var end: End?
        var errors = CommandOutput(bytes: [], isTruncated: false)
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isStopping = false
    }

    private let input: InteractiveInput
    private let state = Mutex(State())

    init(input: InteractiveInput) { self.input = input }

    /// Nil while it runs.
    package var end: End? { state.withLock(\.end) }
    /// The beginning of its standard error, once it has ended.
    package var standardError: CommandOutput { state.withLock(\.errors) }

    /// Appends to its standard input. Does not wait until it reads.
    /// - Returns: false where it has ended, or leaves 8 MiB unread.
    package func write(_ bytes: [UInt8]) -> Bool { input.write(bytes) }

    /// Ends it: it reads the end of its input, and is killed where it has not ended a moment later.
    package func stop() {
        state.withLock { $0.isStopping = true }
        input.close()
    }

    /// Returns when all of its processes have ended.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if state.end == nil { state.waiting.append(continuation) }
                return state.end != nil
            }
            if hasEnded { continuation.resume() }
        }
    }

    var isStopping: Bool { state.withLock(\.isStopping) }

    func finish(_ end: End, errors: CommandOutput) {
        let waiting = state.withLock { state in
            guard state.end == nil else { return [CheckedContinuation<Void, Never>]() }
            state.end = state.isStopping && end.isOfCommand ? .stopped : end
            state.errors = errors
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

extension InteractiveCommand.End {
    fileprivate var isOfCommand: Bool { if case .command = self { true } else { false } }
}
