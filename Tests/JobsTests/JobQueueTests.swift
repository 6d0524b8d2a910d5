import Base
import Storage
import TestKit
import Testing

@testable import Jobs

@Suite struct JobQueueTests {
    @Test(arguments: Engine.available)
    func `a job exists when its transaction commits, and not otherwise`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            struct Regret: Error {}
            await #expect(throws: Problem.self) {
                try await shop.database.write { transaction in
                    try shop.queue.enqueue(Note(text: "never"), in: transaction)
                    throw Regret()
                }
            }
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.notes() == [])
            #expect(try await shop.count("SELECT COUNT(*) AS count FROM jobs") == 0)

            let id = try await shop.enqueue(Note(text: "kept"))
            #expect(try await shop.status(id).state == .available)
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.notes() == ["kept"])
            let status = try await shop.status(id)
            #expect(status.state == .completed)
            #expect(status.percent == 100)
            #expect(status.attempt == 1)
            #expect(status.startedAt == shop.clock.now)
            #expect(status.finishedAt == shop.clock.now)
        }
    }

    @Test(arguments: Engine.available)
    func `an unfinished job of the same kind and key stands for a second one`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let options = JobOptions(uniqueKey: "session 7")
            let first = try await shop.enqueue(Note(text: "first"), options)
            #expect(try await shop.enqueue(Note(text: "second"), options) == first)
            #expect(try await shop.enqueue(Other(), options) != first)
            let both = try await shop.database.write { transaction in
                [
                    try shop.queue.enqueue(Note(text: "third"), options, in: transaction),
                    try shop.queue.enqueue(Note(text: "fourth"), options, in: transaction),
                ]
            }
            #expect(both == [first, first])

            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.notes() == ["first"])
            let next = try await shop.enqueue(Note(text: "fifth"), options)
            #expect(next != first)
            #expect(try await shop.cancel(next) == .cancelled)
            #expect(try await shop.enqueue(Note(text: "sixth"), options) != next)
        }
    }

    @Test(arguments: Engine.available)
    func `one of many callers at once makes the job of a key`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let ids = try await withThrowingTaskGroup(of: ID<QueuedJob>.self) { group in
                for number in 0..<16 {
                    group.addTask { try await shop.enqueue(Note(text: "\(number)"), JobOptions(uniqueKey: "one")) }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await shop.count("SELECT COUNT(*) AS count FROM jobs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a waiting job is cancelled at once, a finished one not at all`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let now = try await shop.enqueue(Note(text: "now"))
            let later = try await shop.enqueue(Note(text: "later"), JobOptions(runAt: shop.clock.now + .hours(1)))
            #expect(try await shop.status(later).state == .scheduled)
            #expect(try await shop.cancel(now) == .cancelled)
            #expect(try await shop.cancel(later) == .cancelled)
            #expect(try await shop.cancel(now) == nil)
            #expect(try await shop.cancel(ID(trusted: "00000000-0000-7000-8000-000000000000")) == nil)
            shop.clock.advance(by: .hours(2))
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.notes() == [])
            let status = try await shop.status(now)
            #expect(status.state == .cancelled)
            #expect(status.finishedAt != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a dead job is given another life, once`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(
                Note(text: "again"), JobOptions(priority: 3, uniqueKey: "k", organisation: "acme", maximumAttempts: 4))
            #expect(try await shop.database.write { try shop.queue.redrive(id, in: $0) } == nil)
            try await shop.runner([Worker(Note.self) { _, _ in throw JobFailure.permanent("no such dataset") }])
                .runUntilIdle()
            #expect(try await shop.status(id).state == .dead)

            let second = try #require(try await shop.database.write { try shop.queue.redrive(id, in: $0) })
            #expect(second != id)
            #expect(try await shop.database.write { try shop.queue.redrive(id, in: $0) } == second)
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.notes() == ["again"])
            let status = try await shop.status(second)
            #expect(status.state == .completed)
            #expect(status.organisation == "acme")
            #expect(status.maximumAttempts == 4)
            #expect(try await shop.status(id).redrivenAs == second)
        }
    }

    @Test(arguments: Engine.available)
    func `the counts say how full the queue is`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            try await shop.enqueue(Note(text: "a"))
            shop.clock.advance(by: .seconds(40))
            try await shop.enqueue(Note(text: "b"))
            try await shop.enqueue(Other(), JobOptions(runAt: shop.clock.now + .hours(1)))
            var counts = try await shop.database.read { try shop.queue.counts(in: $0) }
            #expect(counts == JobCounts(scheduled: 1, available: 2, oldestAvailable: .seconds(40)))
            try await shop.runner([
                Worker(Note.self) { job, _ in throw job.text == "a" ? JobFailure.permanent("no") : JobFailure.retry() }
            ]).runUntilIdle()
            counts = try await shop.database.read { try shop.queue.counts(in: $0) }
            #expect(counts == JobCounts(scheduled: 1, retryable: 1, dead: 1))
        }
    }

    @Test func `a payload has a bound`() async throws {
        try await withWorkshop(.sqlite) { shop in
            await #expect(throws: Problem.self) {
                try await shop.enqueue(Note(text: String(repeating: "x", count: 300_000)))
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
        try await withWorkshop(engine) { shop in
            let runner = shop.runner([.notes])
            try await runner.runUntilIdle()
            let old = try await shop.enqueue(Note(text: "old"))
            let waiting = try await shop.enqueue(Other())
            try await runner.runUntilIdle()
            shop.clock.advance(by: .days(13))
            let recent = try await shop.enqueue(Note(text: "recent"))
            try await runner.runUntilIdle()
            #expect(try await shop.status(old).state == .completed)
            shop.clock.advance(by: .days(2))
            try await runner.runUntilIdle()
            await #expect(throws: NoSuchJob.self) { try await shop.status(old) }
            #expect(try await shop.status(recent).state == .completed)
            #expect(try await shop.status(waiting).state == .available)
            let ticks = try await shop.count("SELECT COUNT(*) AS count FROM schedule_ticks")
            #expect(ticks == 2)
            shop.clock.advance(by: .days(31))
            try await runner.runUntilIdle()
            #expect(try await shop.count("SELECT COUNT(*) AS count FROM schedule_ticks") == 1)
        }
    }
}
