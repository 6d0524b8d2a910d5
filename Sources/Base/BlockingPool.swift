import Foundation
import Synchronization

/// A fixed number of threads for work that blocks or computes for long, with a bounded queue before them: when the queue is
/// full the caller is turned away at once instead of waiting for an answer that comes too late.
package final class BlockingPool: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isRunning = true
    }

    private let name: String
    private let capacity: Int
    private let condition = NSCondition()
    private let state = Mutex(State())

    /// - Parameters:
    ///   - threads: how many jobs run at once.
    ///   - capacity: how many more may wait.
    package init(name: String, threads: Int, capacity: Int) {
        self.name = name
        self.capacity = capacity
        for index in 0..<threads {
            let thread = Thread { self.work() }
            thread.name = "\(name)-\(index)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Runs `body` on one of the threads.
    /// - Throws: `overloaded` when the queue is full, else what `body` throws.
    package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = state.withLock { state in
                guard state.isRunning, state.waiting.count < capacity else { return false }
                state.waiting.append { continuation.resume(with: Swift.Result { try body() }) }
                return true
            }
            if accepted {
                condition.lock()
                condition.signal()
                condition.unlock()
            } else {
                continuation.resume(throwing: Problem.overloaded(retryAfter: 2, detail: "Too much of this work is waiting. Try again in a moment."))
            }
        }
    }

    /// Lets the threads end once the queue is empty; whatever comes later is turned away.
    package func shutDown() {
        state.withLock { $0.isRunning = false }
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    private func work() {
        while true {
            condition.lock()
            var next: (@Sendable () -> Void)?
            var isRunning = true
            while true {
                (next, isRunning) = state.withLock { state in (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isRunning) }
                if next != nil || !isRunning { break }
                condition.wait()
            }
            condition.unlock()
            guard let next else { return }
            next()
        }
    }
}
