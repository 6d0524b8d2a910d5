import Foundation
import Synchronization

/// A fixed number of threads for work that blocks or computes for long, with a bounded queue before them: when the queue is
/// full the caller is turned away at once instead of waiting for an answer that comes too late.
package final class BlockingPool: Sendable {
    private let queue: Queue

    /// - Parameters:
    ///   - threads: how many jobs run at once.
    ///   - capacity: how many more may wait.
    package init(name: String, threads: Int, capacity: Int) {
        let queue = Queue(capacity: capacity)
        self.queue = queue
        for index in 0..<threads {
            // The threads know the queue and not the pool, which can therefore go and let them end.
            let thread = Thread { queue.work() }
            thread.name = "\(name)-\(index)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    deinit { shutDown() }

    /// Runs `body` on one of the threads.
    /// - Throws: `overloaded` when the queue is full, else what `body` throws.
    package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            guard !queue.add({ continuation.resume(with: Swift.Result { try body() }) }) else { return }
            continuation.resume(
                throwing: Problem.overloaded(
                    retryAfter: 2, detail: "Too much of this work is waiting. Try again in a moment."))
        }
    }

    /// Runs `job` on one of the threads some time, without anybody who waits for it.
    /// - Returns: false where the queue is full, or there is no thread any more.
    package func add(_ job: @escaping @Sendable () -> Void) -> Bool { queue.add(job) }

    /// Lets the threads end once the queue is empty; whatever comes later is turned away.
    package func shutDown() { queue.close() }

    package var waitingCount: Int { queue.waitingCount }
}

/// What waits for the threads of a pool.
private final class Queue: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isRunning = true
    }

    private let capacity: Int
    private let condition = NSCondition()
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// - Returns: false where there is no room, or no thread any more.
    func add(_ job: @escaping @Sendable () -> Void) -> Bool {
        let isAccepted = state.withLock { state in
            guard state.isRunning, state.waiting.count < capacity else { return false }
            state.waiting.append(job)
            return true
        }
        guard isAccepted else { return false }
        condition.lock()
        condition.signal()
        condition.unlock()
        return true
    }

    func close() {
        state.withLock { $0.isRunning = false }
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    /// The life of a thread: one job after another, until the queue is closed and empty.
    func work() {
        while true {
            condition.lock()
            var next: (@Sendable () -> Void)?
            var isRunning = true
            while true {
                (next, isRunning) = state.withLock { state in
                    (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isRunning)
                }
                if next != nil || !isRunning { break }
                condition.wait()
            }
            condition.unlock()
            guard let next else { return }
            next()
        }
    }
}
