import Base
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Jobs

@Suite struct JobRunnerTests {
    @Test(arguments: Engine.available)
    func `eight runners run two hundred jobs once each`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            try await fixture.database.write { transaction in
                for number in 0..<200 { try fixture.queue.enqueue(Note(text: "\(number)"), in: transaction) }
            }
            let performed = Mutex<[String]>([])
            let worker = Worker(Note.self) { job, _ in
                performed.withLock { $0.append(job.text) }
                return .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.runner([worker]).runUntilIdle() } }
                try await group.waitForAll()
            }
            let all = (0..<200).map(String.init).sorted()
            #expect(performed.withLock { $0.sorted() } == all)
            #expect(try await fixture.notes().sorted() == all)
            #expect(
                try await fixture.count(
                    "SELECT COUNT(*) AS count FROM jobs WHERE state = 'completed' AND attempt = 1 AND fence = 1") == 200
            )
        }
    }

    @Test(arguments: Engine.available)
    func `jobs run by priority, then by due time`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let start = fixture.clock.now
            try await fixture.enqueue(Note(text: "usual, later"), JobOptions(runAt: start - .seconds(5)))
            try await fixture.enqueue(Note(text: "usual, sooner"), JobOptions(runAt: start - .seconds(9)))
            for number in 1...3 { try await fixture.enqueue(Note(text: "last \(number)"), JobOptions(priority: 900)) }
            try await fixture.enqueue(Note(text: "urgent"), JobOptions(priority: 1))
            try await fixture.enqueue(Note(text: "not yet"), JobOptions(priority: 0, runAt: start + .seconds(1)))
            let runner = fixture.runner([.notes])
            try await runner.runUntilIdle()
            let first = ["urgent", "usual, sooner", "usual, later", "last 1", "last 2", "last 3"]
            #expect(try await fixture.notes() == first)
            fixture.clock.advance(by: .seconds(1))
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == first + ["not yet"])
        }
    }

    @Test(arguments: Engine.available)
    func `a runner does not claim jobs without a worker`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Other())
            try await fixture.runner([.notes]).runUntilIdle()
            #expect(try await fixture.status(id).state == .available)
        }
    }

    @Test(arguments: Engine.available)
    func `a failing job is retried with growing delays until it is dead`(engine: Engine) async throws {
        struct Flaky: Error {}
        try await withJobFixture(engine) { fixture in
            let attempts = Mutex<[Int]>([])
            let worker = Worker(Note.self) { _, context in
                attempts.withLock { $0.append(context.attempt) }
                throw context.attempt == 1 ? Problem(.internalError, cause: Flaky()) : Problem(.overloaded)
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            let runner = fixture.runner([worker])
            let id = try await fixture.enqueue(Note(text: "n"), JobOptions(maximumAttempts: 3))
            for attempt in 1...2 {
                try await runner.runUntilIdle()
                let status = try await fixture.status(id)
                #expect(status.state == .retryable)
                #expect(status.attempt == attempt)
                let delay = status.runAt - fixture.clock.now
                #expect(delay >= .zero && delay <= Backoff.ceiling(afterAttempt: attempt))
                #expect(try await fixture.notes() == [])
                fixture.clock.set(status.runAt)
            }
            try await runner.runUntilIdle()
            let status = try await fixture.status(id)
            #expect(status.state == .dead)
            #expect(attempts.withLock { $0 } == [1, 2, 3])
            #expect(status.firstError == "Flaky (code 1)")
            #expect(status.lastError == "overloaded: The service is busy. Please try again shortly.")
            #expect(
                try await fixture.notes() == [
                    #"n exhausted(code: "overloaded", "overloaded: The service is busy. Please try again shortly.")"#
                ])
            #expect(
                fixture.metrics.exposition.contains(#"gatehouse_jobs_ended_total{kind="test.note",outcome="failed"} 1"#)
            )
            #expect(
                fixture.metrics.exposition.contains(
                    #"gatehouse_jobs_ended_total{kind="test.note",outcome="retried"} 2"#))
        }
    }

    @Test func `the delay's bound doubles up to six hours, and the jitter covers all of it`() {
        #expect(
            (1...16).map { Backoff.ceiling(afterAttempt: $0).components.seconds } == [
                1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 21_600,
            ])
        #expect(Backoff.ceiling(afterAttempt: 5_000) == .hours(6))
        #expect(Backoff.delay(afterAttempt: 4) { Array(repeating: 0, count: $0) } == .zero)
        #expect(Backoff.delay(afterAttempt: 4) { Array(repeating: 255, count: $0) } == .seconds(8))
        #expect(Backoff.delay(afterAttempt: 4) { [128] + Array(repeating: 0, count: $0 - 1) } == .seconds(4))
    }

    @Test(arguments: Engine.available)
    func `a permanent failure is dead at once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let worker = Worker(Note.self) { job, _ in
                switch job.text {
                case "permanent": throw JobFailure.permanent("the file is gone")
                case "problem": throw Problem(.notFound, detail: "There is no such session.")
                case "effects": return .done { _ in throw Problem(.conflict) }
                default: return .done
                }
            }
            let ids = try await [
                fixture.enqueue(Note(text: "permanent")), fixture.enqueue(Note(text: "problem")),
                fixture.enqueue(Note(text: "effects")),
            ]
            let unreadable = try await fixture.enqueue(Note(text: "unreadable"))
            try await fixture.database.write {
                try $0.execute("UPDATE jobs SET payload = '[]' WHERE id = \(unreadable)")
            }
            try await fixture.runner([worker]).runUntilIdle()
            var errors: [String?] = []
            for id in ids + [unreadable] {
                let status = try await fixture.status(id)
                #expect(status.state == .dead)
                #expect(status.attempt == 1)
                errors.append(status.lastError)
            }
            #expect(
                errors == [
                    "the file is gone", "not-found: Not found — There is no such session.",
                    "conflict: The request conflicts with the present state",
                    "The payload cannot be read as a job 'test.note'.",
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `a requested delay is kept`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let worker = Worker(Note.self) { job, _ in
                if job.text == "failure" { throw JobFailure.retry(after: .minutes(5), reason: "the provider is away") }
                throw Problem.overloaded(retryAfter: 90, detail: "Busy.")
            }
            let first = try await fixture.enqueue(Note(text: "failure")),
                second = try await fixture.enqueue(Note(text: "problem"))
            try await fixture.runner([worker]).runUntilIdle()
            #expect(try await fixture.status(first).runAt - fixture.clock.now == .minutes(5))
            #expect(try await fixture.status(first).lastError == "the provider is away")
            #expect(try await fixture.status(second).runAt - fixture.clock.now == .seconds(90))
        }
    }

    @Test(arguments: Engine.available)
    func `texts of other errors are not stored`(engine: Engine) async throws {
        enum Refusal: Error { case badToken(String) }
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: ""))
            try await fixture.runner([Worker(Note.self) { _, _ in throw Refusal.badToken("hunter2") }]).runUntilIdle()
            #expect(try await fixture.status(id).lastError == "Refusal.badToken")
            let long = try await fixture.enqueue(Note(text: ""))
            try await fixture.runner([
                Worker(Note.self) { _, _ in throw JobFailure.permanent(String(repeating: "x\0", count: 5_000)) }
            ]).runUntilIdle()
            #expect(try await fixture.status(long).lastError == String(repeating: "x", count: 500))
        }
    }

    @Test(arguments: Engine.available)
    func `progress is stored while the job runs, and the last report at its end`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: "n"))
            let seen = Mutex<[JobStatus]>([])
            let readStatus: @Sendable () async throws -> Void = {
                let status = try await fixture.status(id)
                seen.withLock { $0.append(status) }
            }
            let worker = Worker(Note.self) { _, context in
                await context.report(percent: 10, phase: "reading", message: "3 files")
                try await readStatus()
                await context.report(percent: 20, phase: "reading")
                try await readStatus()
                fixture.clock.advance(by: .milliseconds(250))
                await context.report(percent: 300, phase: "fitting")
                try await readStatus()
                await context.report(percent: .nan, phase: "lost")
                await context.report(percent: 60, phase: "writing", message: "the last report")
                throw JobFailure.permanent("no")
            }
            try await fixture.runner([worker]).runUntilIdle()
            #expect(seen.withLock { $0.map(\.percent) } == [10, 10, 100])
            #expect(seen.withLock { $0.map(\.phase) } == ["reading", "reading", "fitting"])
            #expect(seen.withLock { $0.map(\.state) } == [.leased, .leased, .leased])
            #expect(seen.withLock { $0.first?.message } == "3 files")
            let last = try await fixture.status(id)
            #expect(last.percent == 60)
            #expect(last.phase == "writing")
            #expect(last.message == "the last report")
        }
    }

    @Test(arguments: Engine.available)
    func `a cancelled running job stops, and its reservations are released`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: "n"))
            let worker = Worker(Note.self) { _, context in
                try context.checkCancellation()
                #expect(try await fixture.cancel(id) == .leased)
                #expect(try await fixture.status(id).isCancelRequested)
                await context.report(percent: 1, phase: "on")
                try context.checkCancellation()
                Issue.record("checkCancellation did not throw")
                return .done
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            try await fixture.runner([worker]).runUntilIdle()
            #expect(try await fixture.status(id).state == .cancelled)
            #expect(try await fixture.notes() == ["n cancelled"])
            #expect(try await fixture.cancel(id) == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a cancelled job that completes first is completed, one that fails is cancelled`(engine: Engine)
        async throws
    {
        try await withJobFixture(engine) { fixture in
            let done = try await fixture.enqueue(Note(text: "done")),
                failed = try await fixture.enqueue(Note(text: "failed"))
            let worker = Worker(Note.self) { job, context in
                try await fixture.cancel(context.id)
                if job.text == "failed" { throw JobFailure.retry() }
                return .done { try $0.note(job.text) }
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            try await fixture.runner([worker]).runUntilIdle()
            #expect(try await fixture.status(done).state == .completed)
            #expect(try await fixture.status(failed).state == .cancelled)
            #expect(try await fixture.notes() == ["done", "failed cancelled"])
        }
    }

    @Test(arguments: Engine.available)
    func `a job with an expired lease runs again, and its effects are applied once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: "n"))
            let (started, released) = (Latch(), Latch())
            let fences = Mutex<[Int64]>([])
            let stale = Worker(Note.self) { job, context in
                fences.withLock { $0.append(context.fence) }
                started.open()
                await released.wait()
                await context.report(percent: 99, phase: "late")
                #expect(throws: JobCancelled.self) { try context.checkCancellation() }
                return .done { try $0.note("stale") }
            }
            async let first: Void = fixture.runner([stale]).runUntilIdle()
            await started.wait()

            let second = fixture.runner([
                Worker(Note.self) { job, context in
                    fences.withLock { $0.append(context.fence) }
                    return .done { try $0.note("fresh") }
                }
            ])
            fixture.clock.advance(by: .seconds(29))
            try await second.runUntilIdle()
            #expect(try await fixture.notes() == [])
            fixture.clock.advance(by: .seconds(2))
            try await second.runUntilIdle()
            #expect(try await fixture.notes() == ["fresh"])

            released.open()
            try await first
            #expect(try await fixture.notes() == ["fresh"])
            let status = try await fixture.status(id)
            #expect(status.state == .completed)
            #expect(status.attempt == 2)
            #expect(status.phase == nil)
            #expect(fences.withLock { $0 } == [1, 3])
            #expect(fixture.metrics.exposition.contains(#"outcome="lost"} 1"#))
        }
    }

    @Test(arguments: Engine.available)
    func `a job whose lease expires three times is dead as poisoned`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: "n"))
            let runner = fixture.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note("\(job.text) \(why)")
                }
            ])
            for crash in 1...3 {
                // Claimed without a worker, as by a process that crashes.
                let claimed = try await fixture.database.write {
                    try $0.claimJobs(.system([Note.name], 5), lease: .seconds(30))
                }
                #expect(claimed.map(\.attempt) == [crash])
                fixture.clock.advance(by: .seconds(30))
                let expired = try await fixture.database.read { try $0.expiredJobs(of: [Note.name], atMost: 5) }
                #expect(try await runner.expireLeases(of: expired) == 1)
                #expect(try await fixture.status(id).state == (crash < 3 ? .available : .dead))
            }
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == ["n poisoned"])
            #expect(try await fixture.status(id).lastError == "The lease of the worker expired.")
        }
    }

    @Test(arguments: Engine.available)
    func `at the end of its lease a cancelled job is cancelled, and one without attempts is dead`(engine: Engine)
        async throws
    {
        try await withJobFixture(engine) { fixture in
            let cancelled = try await fixture.enqueue(Note(text: "cancelled")),
                once = try await fixture.enqueue(Note(text: "once"), JobOptions(maximumAttempts: 1))
            let runner = fixture.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note("\(job.text): \(why)")
                }
            ])
            _ = try await fixture.database.write { try $0.claimJobs(.system([Note.name], 5), lease: .seconds(30)) }
            #expect(try await fixture.cancel(cancelled) == .leased)
            fixture.clock.advance(by: .minutes(1))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(cancelled).state == .cancelled)
            #expect(try await fixture.status(once).state == .dead)
            #expect(
                try await fixture.notes().sorted() == [
                    "cancelled: cancelled",
                    "once: exhausted(code: \"internal-error\", "
                        + "\"The lease of the worker expired, and no attempts are left.\")",
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `a snoozed job runs again without using an attempt`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let counter = Counter()
            let runner = fixture.runner([
                Worker(Note.self) { job, context in
                    #expect(context.attempt == 1)
                    return counter.next() < 4 ? .snooze(for: .minutes(10)) : .done { try $0.note(job.text) }
                }
            ])
            let id = try await fixture.enqueue(Note(text: "n"), JobOptions(maximumAttempts: 1))
            for _ in 1...3 {
                try await runner.runUntilIdle()
                let status = try await fixture.status(id)
                #expect(status.state == .scheduled)
                #expect(status.attempt == 0)
                fixture.clock.advance(by: .minutes(9))
                try await runner.runUntilIdle()
                #expect(try await fixture.status(id).state == .scheduled)
                fixture.clock.advance(by: .minutes(1))
            }
            try await runner.runUntilIdle()
            #expect(counter.count == 4)
            #expect(try await fixture.notes() == ["n"])
        }
    }

    @Test(arguments: Engine.available)
    func `a job is not dead before its reservations are released`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let counter = Counter()
            let runner = fixture.runner([
                Worker(Note.self) { _, _ in
                    throw JobFailure.permanent("no")
                } abandoned: { job, why, transaction in
                    try transaction.note("\(why)")
                    if counter.next() <= 2 { throw Problem(.overloaded) }
                }
            ])
            let id = try await fixture.enqueue(Note(text: "n"))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(id).state == .leased)
            #expect(try await fixture.notes() == [])
            fixture.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(id).state == .leased)
            fixture.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(id).state == .dead)
            #expect(try await fixture.notes() == [#"failed("no")"#])
        }
    }

    @Test(arguments: Engine.available)
    func `an expired job whose abandoned hook fails is expired again after a lease, without delaying others`(
        engine: Engine
    )
        async throws
    {
        try await withJobFixture(engine) { fixture in
            let counter = Counter()
            let runner = fixture.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note(job.text)
                    if job.text == "bad", counter.next() == 1 { throw Problem(.overloaded) }
                }
            ])
            let bad = try await fixture.enqueue(Note(text: "bad"), JobOptions(maximumAttempts: 1))
            let good = try await fixture.enqueue(Note(text: "good"), JobOptions(maximumAttempts: 1))
            _ = try await fixture.database.write { try $0.claimJobs(.system([Note.name], 5), lease: .seconds(30)) }
            fixture.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(bad).state == .leased)
            #expect(try await fixture.status(good).state == .dead)
            #expect(try await fixture.notes() == ["good"])
            fixture.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await fixture.status(bad).state == .dead)
            #expect(try await fixture.notes() == ["good", "bad"])
        }
    }

    @Test(arguments: Engine.available)
    func `with any failing statement a job's effects are applied once`(engine: Engine) async throws {
        let failed = try await withEachStatementFailing { statement in
            var statementCount = 0
            try await withJobFixture(engine) { fixture in
                let id = try await fixture.enqueue(Note(text: "n"))
                let faulty = FaultyDatabase(fixture.database, failingAt: statement)
                try? await fixture.runner([.notes], on: faulty).runUntilIdle()
                statementCount = faulty.statementCount
                // In whatever state the failure left the job, a runner without failures completes it.
                fixture.clock.advance(by: .seconds(60))
                try await fixture.runner([.notes]).runUntilIdle()
                #expect(try await fixture.status(id).state == .completed, "statement \(statement)")
                #expect(try await fixture.notes() == ["n"], "statement \(statement)")
            }
            return statementCount
        }
        #expect(failed < 40)
    }

    @Test(arguments: Engine.available)
    func `a job's effects may enqueue further jobs`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let worker = Worker(Note.self) { job, _ in
                .done { transaction in
                    try transaction.note(job.text)
                    if job.text.count < 4 { try fixture.queue.enqueue(Note(text: job.text + "n"), in: transaction) }
                }
            }
            try await fixture.enqueue(Note(text: "n"))
            try await fixture.runner([worker]).runUntilIdle()
            #expect(try await fixture.notes() == ["n", "nn", "nnn", "nnnn"])
        }
    }
}
