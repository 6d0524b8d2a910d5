import Base
import Foundation
import Synchronization
import Testing

@Suite struct BlockingPoolTests {
    /// A door that holds a thread until it is opened.
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

    @Test func `runs what it is given and hands back what comes of it`() async throws {
        struct Mishap: Error {}
        let pool = BlockingPool(name: "test", threads: 2, capacity: 8)
        #expect(try await pool.run { 6 * 7 } == 42)
        await #expect(throws: Mishap.self) { try await pool.run { throw Mishap() } }
        #expect(try await pool.run { !Thread.isMainThread })
        #expect(pool.waitingCount == 0)
    }

    @Test func `turns away what finds the queue full, and takes more once there is room`() async throws {
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
            Issue.record("there was no room")
        } catch let problem as Problem {
            #expect(problem.kind == .overloaded)
            #expect(problem.headers["Retry-After"] == "2")
        }
        latch.open()
        #expect(try await [busy, first, second] == [0, 1, 2])
        #expect(try await pool.run { 4 } == 4)
    }

    @Test func `never runs more at once than it has threads`() async throws {
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

    @Test func `finishes what waits when it is shut down, and takes nothing more`() async throws {
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

    @Test(.timeLimit(.minutes(1))) func `its threads end with it`() async throws {
        /// Gone when the last thread that could run it is.
        final class Witness: Sendable {
            let latch: Latch
            init(_ latch: Latch) { self.latch = latch }
            deinit { latch.open() }
        }
        let ended = Latch()
        do {
            let pool = BlockingPool(name: "short", threads: 1, capacity: 1)
            try await pool.run {
                // Kept by the thread itself for as long as it lives.
                Thread.current.threadDictionary["witness"] = Witness(ended)
            }
        }
        await Task.detached { ended.wait() }.value
    }
}
