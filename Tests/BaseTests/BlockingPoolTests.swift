import Base
import Foundation
import Synchronization
import Testing

@Suite struct BlockingPoolTests {
    /// Blocks threads until it is opened.
    private final class Latch: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func wait() { semaphore.wait() }
        func open() { semaphore.signal() }
    }

    private final class Running: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var now: Int { state.withLock { $0.now } }
        var most: Int { state.withLock { $0.most } }

        func begin() {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }
        func end() { state.withLock { $0.now -= 1 } }
    }

    @Test func `the result or error of a closure is returned`() async throws {
        struct Failure: Error {}
        let pool = BlockingPool(name: "test", threads: 2, capacity: 8)
        #expect(try await pool.run { 6 * 7 } == 42)
        await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
        #expect(try await pool.run { !Thread.isMainThread })
        #expect(pool.waitingCount == 0)
    }

    @Test func `a full queue refuses work, and accepts more once it is not full`() async throws {
        let pool = BlockingPool(name: "test", threads: 1, capacity: 2)
        let (latch, begun) = (Latch(), Latch())
        async let busy: Int = pool.run {
            begun.open()
            latch.wait()
            return 0
        }
        await Task.detached { begun.wait() }.value
        async let first: Int = pool.run { 1 }
        async let second: Int = pool.run { 2 }
        while pool.waitingCount < 2 { await Task.yield() }
        do {
            _ = try await pool.run { 3 }
            Issue.record("the full queue accepted work")
        } catch let problem as Problem {
            #expect(problem.kind == .overloaded)
            #expect(problem.headers["Retry-After"] == "2")
        }
        latch.open()
        #expect(try await [busy, first, second] == [0, 1, 2])
        #expect(try await pool.run { 4 } == 4)
    }

    @Test func `at most as many closures as threads run at once`() async throws {
        let pool = BlockingPool(name: "test", threads: 3, capacity: 1_000)
        let running = Running()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await pool.run {
                        running.begin()
                        usleep(200)
                        running.end()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(running.now == 0)
        #expect((1...3).contains(running.most))
    }

    @Test func `a shut down pool completes its queue and refuses further work`() async throws {
        let pool = BlockingPool(name: "test", threads: 1, capacity: 8)
        let (latch, begun) = (Latch(), Latch())
        async let busy: Int = pool.run {
            begun.open()
            latch.wait()
            return 0
        }
        await Task.detached { begun.wait() }.value
        async let waiting: Int = pool.run { 1 }
        while pool.waitingCount < 1 { await Task.yield() }
        pool.shutDown()
        await #expect(throws: Problem.self) { try await pool.run { 2 } }
        latch.open()
        #expect(try await [busy, waiting] == [0, 1])
    }

    @Test(.timeLimit(.minutes(1))) func `the threads end with the pool`() async throws {
        /// Deinitialized when its thread has ended.
        final class ThreadEnd: Sendable {
            let latch: Latch
            init(_ latch: Latch) { self.latch = latch }
            deinit { latch.open() }
        }
        let ended = Latch()
        do {
            let pool = BlockingPool(name: "short", threads: 1, capacity: 1)
            try await pool.run {
                // The thread retains its dictionary until it ends.
                Thread.current.threadDictionary["end"] = ThreadEnd(ended)
            }
        }
        await Task.detached { ended.wait() }.value
    }
}
