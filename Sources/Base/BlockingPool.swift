import Foundation
import Synchronization

/// A fixed number of threads for work that blocks or computes for long, with a bounded queue: when the queue is full,
/// new work is refused at once.
package final class BlockingPool: Sendable {
    private let queue: Queue

    /// - Parameters:
    ///   - threads: closures that run at once.
    ///   - capacity: closures that may wait.
    package init(name: String, threads: Int, capacity: Int) {
        let queue = Queue(capacity: capacity)
        self.queue = queue
        for index in 0..<threads {
            // The threads retain the queue and not the pool, so the pool's deinitializer can end them.
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

    /// Runs `body` later on one of the threads. Does not wait for it.
    /// - Returns: false when the queue is full or shut down.
    package func add(_ body: @escaping @Sendable () -> Void) -> Bool { queue.add(body) }

    /// Ends the threads once the queue is empty; further work is refused.
    package func shutDown() { queue.close() }

    package var waitingCount: Int { queue.waitingCount }
}

/// The bounded queue of a pool.
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

    /// - Returns: false when the queue is full or closed.
    func add(_ body: @escaping @Sendable () -> Void) -> Bool {
        let isAccepted = state.withLock { state in
            guard state.isRunning, state.waiting.count < capacity else { return false }
            state.waiting.append(body)
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

    /// The loop of a thread: runs one closure after another until the queue is closed and empty.
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
