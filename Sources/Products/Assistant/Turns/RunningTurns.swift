import Modules
import Synchronization

/// The turns that run in this process. Each is a task of its own, which ends by itself, when it is stopped, or when its
/// client goes away.
final class RunningTurns: Sendable {
    private struct Entry {
        let task: Task<Void, Never>
        /// The first turn of the task.
        let first: ID<AssistantTurn>
        var isStopped = false
    }

    private let entries = Mutex<[ID<AssistantTurn>: Entry]>([:])

    /// Runs `body` as the task of a turn.
    func start(_ id: ID<AssistantTurn>, _ body: @escaping @Sendable () async -> Void) {
        // Under the lock, so that a task that ends at once finds its entry.
        entries.withLock { entries in
            let task = Task {
                await body()
                self.entries.withLock { entries in entries = entries.filter { $0.value.first != id } }
            }
            entries[id] = Entry(task: task, first: id)
        }
    }

    /// Notes that the task of a turn continues with another one.
    func add(_ next: ID<AssistantTurn>, after id: ID<AssistantTurn>) {
        entries.withLock { $0[next] = $0[id] }
    }

    /// Ends a turn because a person wants it. Without effect for one that does not run here.
    func stop(_ id: ID<AssistantTurn>) {
        let task = entries.withLock { entries in
            guard let entry = entries[id] else { return nil as Task<Void, Never>? }
            for (other, found) in entries where found.first == entry.first { entries[other]?.isStopped = true }
            return entry.task
        }
        task?.cancel()
    }

    /// Ends a turn whose client went away.
    func cancel(_ id: ID<AssistantTurn>) { entries.withLock { $0[id]?.task }?.cancel() }

    /// Ends every turn, and returns when what came of each is stored.
    func end() async {
        let tasks = entries.withLock { $0.values.map(\.task) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    /// Whether a person has stopped the turn.
    func isStopped(_ id: ID<AssistantTurn>) -> Bool { entries.withLock { $0[id]?.isStopped } ?? false }
}
