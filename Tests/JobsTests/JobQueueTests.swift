import Base
import Dispatch
import Storage
import Telemetry
import TestKit
import Testing

@testable import Jobs

@Suite struct JobQueueTests {
    @Test(arguments: Engine.available)
    func `a job exists when its transaction commits, and not otherwise`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            struct BodyFailure: Error {}
            await #expect(throws: Problem.self) {
                try await fixture.database.write { transaction in
                    try fixture.queue.enqueue(Note(text: "never"), in: transaction)
                    throw BodyFailure()
                }
            }
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.notes() == [])
            #expect(try await fixture.count("SELECT COUNT(*) AS count FROM jobs") == 0)

            let id = try await fixture.enqueue(Note(text: "kept"))
            #expect(try await fixture.status(id).state == .available)
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.notes() == ["kept"])
            let status = try await fixture.status(id)
            #expect(status.state == .completed)
            #expect(status.percent == 100)
            #expect(status.attempt == 1)
            #expect(status.startedAt == fixture.clock.now)
            #expect(status.finishedAt == fixture.clock.now)
        }
    }

    @Test(arguments: Engine.available)
    func `enqueuing again with an unfinished job's kind and key returns that job`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let options = JobOptions(uniqueKey: "session 7")
            let first = try await fixture.enqueue(Note(text: "first"), options)
            #expect(try await fixture.enqueue(Note(text: "second"), options) == first)
            #expect(try await fixture.enqueue(Other(), options) != first)
            let both = try await fixture.database.write { transaction in
                [
                    try fixture.queue.enqueue(Note(text: "third"), options, in: transaction),
                    try fixture.queue.enqueue(Note(text: "fourth"), options, in: transaction),
                ]
            }
            #expect(both == [first, first])

            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.notes() == ["first"])
            let next = try await fixture.enqueue(Note(text: "fifth"), options)
            #expect(next != first)
            #expect(try await fixture.cancel(next) == .cancelled)
            #expect(try await fixture.enqueue(Note(text: "sixth"), options) != next)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent callers enqueue one job for a key`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let ids = try await withThrowingTaskGroup(of: ID<QueuedJob>.self) { group in
                for number in 0..<16 {
                    group.addTask { try await fixture.enqueue(Note(text: "\(number)"), JobOptions(uniqueKey: "one")) }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await fixture.count("SELECT COUNT(*) AS count FROM jobs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `stopping jobs cancels those that wait, and asks those that run to stop`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let waiting = try await fixture.enqueue(Note(text: "waiting"), JobOptions(priority: 200))
            let running = try await fixture.enqueue(Note(text: "running"))
            let done = try await fixture.enqueue(Note(text: "done"), JobOptions(priority: 1))
            let worker = Worker(Note.self) { job, context in
                if job.text == "done" { return .done }
                try await fixture.database.write { [queue = fixture.queue] in
                    try queue.stop([waiting, running, done], in: $0)
                }
                #expect(try await fixture.status(running).isCancelRequested)
                throw JobFailure.retry()
            }
            try await fixture.runner([worker]).runUntilIdle()
            #expect(try await fixture.status(waiting).state == .cancelled)
            #expect(try await fixture.status(running).state == .cancelled)
            #expect(try await fixture.status(done).state == .completed)
        }
    }

    /// SQLite has one writer.
    @Test(arguments: Engine.available.filter { $0 == .postgres })
    func `stopping jobs does not wait for a transaction that has locked one of them`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let locked = try await fixture.enqueue(Note(text: "locked"))
            let free = try await fixture.enqueue(Note(text: "free"))
            let (isLocked, isStopped) = (Latch(), DispatchSemaphore(value: 0))
            async let holder: Bool = fixture.database.write { transaction in
                _ = try transaction.first("SELECT id FROM jobs WHERE id = \(locked) \(.forUpdate)")
                isLocked.open()
                return isStopped.wait(timeout: .now() + 10) == .success
            }
            await isLocked.wait()
            try await fixture.database.write { [queue = fixture.queue] in try queue.stop([locked, free], in: $0) }
            isStopped.signal()
            #expect(try await holder)
            #expect(try await fixture.status(locked).state == .available)
            #expect(try await fixture.status(free).state == .cancelled)
        }
    }

    @Test(arguments: Engine.available)
    func `a waiting job is cancelled at once, a finished one stays finished`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let now = try await fixture.enqueue(Note(text: "now"))
            let later = try await fixture.enqueue(Note(text: "later"), JobOptions(runAt: fixture.clock.now + .hours(1)))
            #expect(try await fixture.status(later).state == .scheduled)
            #expect(try await fixture.cancel(now) == .cancelled)
            #expect(try await fixture.cancel(later) == .cancelled)
            #expect(try await fixture.cancel(now) == nil)
            #expect(try await fixture.cancel(ID(trusted: "00000000-0000-7000-8000-000000000000")) == nil)
            fixture.clock.advance(by: .hours(2))
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.notes() == [])
            let status = try await fixture.status(now)
            #expect(status.state == .cancelled)
            #expect(status.finishedAt != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a dead job is redriven once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(
                Note(text: "again"), JobOptions(priority: 3, uniqueKey: "k", organisation: "acme", maximumAttempts: 4))
            #expect(try await fixture.database.write { try fixture.queue.redrive(id, in: $0) } == nil)
            try await fixture.runner([Worker(Note.self) { _, _ in throw JobFailure.permanent("no such dataset") }])
                .runUntilIdle()
            #expect(try await fixture.status(id).state == .dead)

            let second = try #require(try await fixture.database.write { try fixture.queue.redrive(id, in: $0) })
            #expect(second != id)
            #expect(try await fixture.database.write { try fixture.queue.redrive(id, in: $0) } == second)
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.notes() == ["again"])
            let status = try await fixture.status(second)
            #expect(status.state == .completed)
            #expect(status.organisation == "acme")
            #expect(status.maximumAttempts == 4)
            #expect(try await fixture.status(id).redrivenAs == second)
        }
    }

    @Test(arguments: Engine.available)
    func `the counts are those of the queue, by state`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            try await fixture.enqueue(Note(text: "a"))
            fixture.clock.advance(by: .seconds(40))
            try await fixture.enqueue(Note(text: "b"))
            try await fixture.enqueue(Other(), JobOptions(runAt: fixture.clock.now + .hours(1)))
            var counts = try await fixture.database.read { try fixture.queue.counts(in: $0) }
            #expect(
                counts
                    == JobCounts(lanes: [.system: .init(scheduled: 1, available: 2, oldestAvailable: .seconds(40))]))
            try await fixture.runner([
                Worker(Note.self) { job, _ in throw job.text == "a" ? JobFailure.permanent("no") : JobFailure.retry() }
            ]).runUntilIdle()
            try await fixture.enqueue(Computation(text: "c"))
            counts = try await fixture.database.read { try fixture.queue.counts(in: $0) }
            #expect(
                counts
                    == JobCounts(lanes: [
                        .system: .init(scheduled: 1, retryable: 1, dead: 1), .compute: .init(available: 1),
                    ]))
            fixture.metrics.set(counts)
            #expect(
                fixture.metrics.exposition.contains(#"gatehouse_jobs{lane="compute",state="available"} 1"#))
        }
    }

    @Test func `a payload above the bound is refused`() async throws {
        try await withJobFixture(.sqlite) { fixture in
            await #expect(throws: Problem.self) {
                try await fixture.enqueue(Note(text: String(repeating: "x", count: 300_000)))
            }
        }
    }

    @Test func `ids of one process sort in the order they were made`() {
        let ids = JobIDs(
            runtime: Runtime(now: { Instant(seconds: 1) }, randomBytes: { Runtime.system.randomBytes($0) }))
        let made = (0..<9_000).map { _ in ids.next().text }
        #expect(made == made.sorted())
        #expect(Set(made).count == made.count)
    }

    @Test(arguments: Engine.available)
    func `finished jobs and old ticks are pruned`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let runner = fixture.runner([.notes])
            try await runner.runUntilIdle()
            let old = try await fixture.enqueue(Note(text: "old"))
            let waiting = try await fixture.enqueue(Other())
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .days(13))
            let recent = try await fixture.enqueue(Note(text: "recent"))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(old).state == .completed)
            fixture.clock.advance(by: .days(2))
            try await runner.runUntilIdle()
            await #expect(throws: NoSuchJob.self) { try await fixture.status(old) }
            #expect(try await fixture.status(recent).state == .completed)
            #expect(try await fixture.status(waiting).state == .available)
            let ticks = try await fixture.count("SELECT COUNT(*) AS count FROM schedule_ticks")
            #expect(ticks == 2)
            fixture.clock.advance(by: .days(31))
            try await runner.runUntilIdle()
            #expect(try await fixture.count("SELECT COUNT(*) AS count FROM schedule_ticks") == 1)
        }
    }
}
