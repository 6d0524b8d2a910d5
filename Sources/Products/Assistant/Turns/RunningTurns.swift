import Modules
import Synchronization

/// The turns that run in this process. Each is a task of its own, which ends by itself, when it is stopped, or when its
/// client goes away.
final class RunningTurns: Sendable {
    private struct Entry {
        let task: Task<Void, Never>
        /// The turns that the task has continued with.
        var later: [ID<AssistantTurn>] = []
        var isStopped = false
    }

    private struct State {
        /// By the first turn of each task.
        var entries: [ID<AssistantTurn>: Entry] = [:]
        /// The first turn of the task of a later one.
        var firsts: [ID<AssistantTurn>: ID<AssistantTurn>] = [:]

        func first(_ id: ID<AssistantTurn>) -> ID<AssistantTurn> { firsts[id] ?? id }

        mutating func remove(_ first: ID<AssistantTurn>) {
            for id in entries.removeValue(forKey: first)?.later ?? [] { firsts[id] = nil }
        }
    }

    private let state = Mutex(State())

    /// Runs `body` as the task of a turn.
    func start(_ id: ID<AssistantTurn>, _ body: @escaping @Sendable () async -> Void) {
        // Under the lock, so that a task that ends at once finds its entry.
        state.withLock { state in
            let task = Task {
                await body()
                self.state.withLock { $0.remove(id) }
            }
            state.entries[id] = Entry(task: task)
        }
    }

    /// Notes that the task of a turn continues with another one.
    func add(_ next: ID<AssistantTurn>, after id: ID<AssistantTurn>) {
        state.withLock { state in
            let first = state.first(id)
            guard state.entries[first] != nil else { return }
            state.entries[first]?.later.append(next)
            state.firsts[next] = first
        }
    }

    /// Ends a turn because a person wants it. Without effect for one that does not run here.
    func stop(_ id: ID<AssistantTurn>) {
        let task = state.withLock { state in
            let first = state.first(id)
            state.entries[first]?.isStopped = true
            return state.entries[first]?.task
        }
        task?.cancel()
    }

    /// Ends a turn whose client went away.
    func cancel(_ id: ID<AssistantTurn>) { state.withLock { $0.entries[$0.first(id)]?.task }?.cancel() }

    /// Ends every turn, and returns when what came of each is stored.
    func end() async {
        let tasks = state.withLock { $0.entries.values.map(\.task) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    /// Whether a person has stopped the turn.
    func isStopped(_ id: ID<AssistantTurn>) -> Bool {
        state.withLock { $0.entries[$0.first(id)]?.isStopped } ?? false
    }
}
