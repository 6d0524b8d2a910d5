import Base
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Jobs

/// The runner as a service, with its background tasks and real time.
@Suite struct JobServiceTests {
    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `an enqueued job starts without the poll`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let done = Latch()
            let worker = Worker(Note.self) { job, _ in
                if job.text == "last" { done.open() }
                return .done { try $0.note(job.text) }
            }
            try await whileServing([fixture.runner([worker], settings: .init(systemSlots: 1, poll: .seconds(3_600)))]) {
                stop in
                for text in ["a", "b", "last"] { try await fixture.enqueue(Note(text: text)) }
                await done.wait()
                try await stop()
                #expect(try await fixture.notes() == ["a", "b", "last"])
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a heartbeat renews the lease and delivers the cancellation`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (started, ended) = (Latch(), Latch())
            let worker = Worker(Note.self) { _, context in
                started.open()
                // Blocking code would call this periodically; the task is cancelled as well.
                while true {
                    try context.checkCancellation()
                    try? await Task.sleep(for: .seconds(3_600))
                }
            } abandoned: { _, why, transaction in
                try transaction.note("\(why)")
                ended.open()
            }
            let id = try await fixture.enqueue(Note(text: "n"))
            try await whileServing([
                fixture.runner([worker], settings: .init(heartbeat: .milliseconds(5), poll: .milliseconds(5)))
            ]) { stop in
                await started.wait()
                #expect(try await fixture.cancel(id) == .leased)
                await ended.wait()
                try await stop()
            }
            #expect(try await fixture.status(id).state == .cancelled)
            #expect(try await fixture.notes() == ["cancelled"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a worker whose lease was lost is stopped, and its effects are discarded`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let started = Latch(), received = Mutex<JobCancelled.Reason?>(nil)
            let worker = Worker(Note.self) { _, context in
                started.open()
                do {
                    while true {
                        try context.checkCancellation()
                        try? await Task.sleep(for: .seconds(3_600))
                    }
                } catch let error as JobCancelled {
                    received.withLock { $0 = error.reason }
                }
                return .done { try $0.note("stale") }
            }
            let id = try await fixture.enqueue(Note(text: "n"))
            let runner = fixture.runner([worker], settings: .init(heartbeat: .milliseconds(5)))
            try await whileServing([runner]) { stop in
                await started.wait()
                try await fixture.database.write {
                    try $0.execute("UPDATE jobs SET fence = fence + 1, lease_until = \(fixture.clock.now + .hours(1))")
                }
                await runner.running.waitUntilEmpty(atMost: .seconds(30))
                try await stop()
            }
            #expect(received.withLock { $0 } == .leaseLost)
            #expect(try await fixture.notes() == [])
            #expect(try await fixture.status(id).state == .leased)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `at shutdown running jobs may end, and the others are handed back`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (started, both, finish) = (Counter(), Latch(), Latch())
            let reason = Mutex<JobCancelled.Reason?>(nil)
            let worker = Worker(Note.self) { job, context in
                if started.next() == 2 { both.open() }
                if job.text == "quick" {
                    await finish.wait()
                    return .done { try $0.note("quick") }
                }
                while true {
                    do { try context.checkCancellation() } catch let error as JobCancelled {
                        reason.withLock { $0 = error.reason }
                        throw error
                    }
                    try? await Task.sleep(for: .seconds(3_600))
                }
            } abandoned: { _, _, _ in
                Issue.record("a job was abandoned")
            }
            let slow = try await fixture.enqueue(Note(text: "slow")),
                quick = try await fixture.enqueue(Note(text: "quick"))
            let runner = fixture.runner(
                [worker], settings: .init(systemSlots: 2, poll: .milliseconds(5), drain: .milliseconds(300)))
            try await whileServing([runner]) { stop in
                await both.wait()
                let late = try await fixture.enqueue(Note(text: "late"))
                finish.open()
                try await stop()
                // Claimed before the stop or not: no lease is left.
                #expect(try await fixture.status(late).state == .available)
            }
            #expect(try await fixture.status(quick).state == .completed)
            #expect(try await fixture.notes() == ["quick"])
            #expect(reason.withLock { $0 } == .draining)
            let status = try await fixture.status(slow)
            #expect(status.state == .available)
            #expect(status.attempt == 0)
            #expect(try await fixture.count("SELECT fence AS count FROM jobs WHERE id = \(slow)") == 2)
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.status(slow).state == .completed)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `the job of a worker that does not stop runs in the next runner`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (started, released) = (Latch(), Latch())
            let stubborn = Worker(Note.self) { _, _ in
                started.open()
                // Ignores the cancellation, as a call into C does.
                await Task.detached { await released.wait() }.value
                return .done { try $0.note("stubborn") }
            }
            let id = try await fixture.enqueue(Note(text: "n"))
            let runner = fixture.runner([stubborn], settings: .init(drain: .zero))
            try await whileServing([runner]) { stop in
                await started.wait()
                try await stop()
            }
            #expect(try await fixture.status(id).state == .available)
            try await fixture.runner([.notes]).runUntilIdle()
            released.open()
            await runner.running.waitUntilEmpty(atMost: .seconds(30))
            #expect(try await fixture.notes() == ["n"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `concurrent runners run each job once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (counter, all) = (Counter(), Latch())
            let worker = Worker(Note.self) { job, _ in
                if counter.next() == 100 { all.open() }
                return .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            let runners = (0..<4).map { _ in fixture.runner([worker], settings: .init(poll: .milliseconds(20))) }
            try await whileServing(runners) { stop in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<100 { group.addTask { try await fixture.enqueue(Note(text: "\(number)")) } }
                    try await group.waitForAll()
                }
                await all.wait()
                try await stop()
            }
            #expect(counter.count == 100)
            #expect(try await fixture.notes().sorted() == (0..<100).map(String.init).sorted())
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a cancelled runner hands its jobs back at once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let started = Latch()
            let worker = Worker(Note.self) { _, context in
                started.open()
                try await Task.sleep(for: .seconds(3_600))
                return .done
            }
            let id = try await fixture.enqueue(Note(text: "n"))
            let runner = fixture.runner([worker])
            let running = Task { try await runner.run() }
            await started.wait()
            running.cancel()
            try await running.value
            let status = try await fixture.status(id)
            #expect(status.state == .available)
            #expect(status.attempt == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `throttled progress is written by the timer`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (seen, done) = (Latch(), Latch())
            let worker = Worker(Note.self) { _, context in
                await context.report(percent: 1, phase: "first")
                await context.report(percent: 2, phase: "second")
                await context.report(percent: 3, phase: "third")
                await seen.wait()
                done.open()
                return .done
            }
            let id = try await fixture.enqueue(Note(text: "n"))
            try await whileServing([fixture.runner([worker])]) { stop in
                while try await fixture.status(id).percent < 3 { await Task.yield() }
                #expect(try await fixture.status(id).phase == "third")
                seen.open()
                await done.wait()
                try await stop()
            }
            #expect(try await fixture.status(id).state == .completed)
        }
    }
}
