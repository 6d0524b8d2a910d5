import Base
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Jobs

@Suite struct JobRunnerTests {
    @Test(arguments: Engine.available)
    func `eight runners do two hundred jobs once each`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            try await shop.database.write { transaction in
                for number in 0..<200 { try shop.queue.enqueue(Note(text: "\(number)"), in: transaction) }
            }
            let performed = Mutex<[String]>([])
            let worker = Worker(Note.self) { job, _ in
                performed.withLock { $0.append(job.text) }
                return .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await shop.runner([worker]).runUntilIdle() } }
                try await group.waitForAll()
            }
            let all = (0..<200).map(String.init).sorted()
            #expect(performed.withLock { $0.sorted() } == all)
            #expect(try await shop.notes().sorted() == all)
            #expect(
                try await shop.count(
                    "SELECT COUNT(*) AS count FROM jobs WHERE state = 'completed' AND attempt = 1 AND fence = 1") == 200
            )
        }
    }

    @Test(arguments: Engine.available)
    func `the lower priority goes first, then who waits longer`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let start = shop.clock.now
            try await shop.enqueue(Note(text: "usual, later"), JobOptions(runAt: start - .seconds(5)))
            try await shop.enqueue(Note(text: "usual, sooner"), JobOptions(runAt: start - .seconds(9)))
            for number in 1...3 { try await shop.enqueue(Note(text: "last \(number)"), JobOptions(priority: 900)) }
            try await shop.enqueue(Note(text: "urgent"), JobOptions(priority: 1))
            try await shop.enqueue(Note(text: "not yet"), JobOptions(priority: 0, runAt: start + .seconds(1)))
            let runner = shop.runner([.notes])
            try await runner.runUntilIdle()
            let first = ["urgent", "usual, sooner", "usual, later", "last 1", "last 2", "last 3"]
            #expect(try await shop.notes() == first)
            shop.clock.advance(by: .seconds(1))
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == first + ["not yet"])
        }
    }

    @Test(arguments: Engine.available)
    func `a runner leaves alone what it has no worker for`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Other())
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.status(id).state == .available)
        }
    }

    @Test(arguments: Engine.available)
    func `a job that fails is tried again, later each time, until it is dead`(engine: Engine) async throws {
        struct Flaky: Error {}
        try await withWorkshop(engine) { shop in
            let attempts = Mutex<[Int]>([])
            let worker = Worker(Note.self) { _, context in
                attempts.withLock { $0.append(context.attempt) }
                throw context.attempt == 1 ? Problem(.internalError, cause: Flaky()) : Problem(.overloaded)
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            let runner = shop.runner([worker])
            let id = try await shop.enqueue(Note(text: "n"), JobOptions(maximumAttempts: 3))
            for attempt in 1...2 {
                try await runner.runUntilIdle()
                let status = try await shop.status(id)
                #expect(status.state == .retryable)
                #expect(status.attempt == attempt)
                let delay = status.runAt - shop.clock.now
                #expect(delay >= .zero && delay <= Backoff.ceiling(afterAttempt: attempt))
                #expect(try await shop.notes() == [])
                shop.clock.set(status.runAt)
            }
            try await runner.runUntilIdle()
            let status = try await shop.status(id)
            #expect(status.state == .dead)
            #expect(attempts.withLock { $0 } == [1, 2, 3])
            #expect(status.firstError == "Flaky (code 1)")
            #expect(status.lastError == "overloaded: The service is busy. Please try again shortly.")
            #expect(
                try await shop.notes() == ["n failed(\"overloaded: The service is busy. Please try again shortly.\")"])
            #expect(
                shop.metrics.exposition.contains(#"gatehouse_jobs_ended_total{kind="test.note",outcome="failed"} 1"#))
            #expect(
                shop.metrics.exposition.contains(#"gatehouse_jobs_ended_total{kind="test.note",outcome="retried"} 2"#))
        }
    }

    @Test func `the wait doubles up to six hours and is spread over all of it`() {
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
    func `what cannot get better is dead at once`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let worker = Worker(Note.self) { job, _ in
                switch job.text {
                case "permanent": throw JobFailure.permanent("the file is gone")
                case "problem": throw Problem(.notFound, detail: "There is no such session.")
                case "effects": return .done { _ in throw Problem(.conflict) }
                default: return .done
                }
            }
            let ids = try await [
                shop.enqueue(Note(text: "permanent")), shop.enqueue(Note(text: "problem")),
                shop.enqueue(Note(text: "effects")),
            ]
            let unreadable = try await shop.enqueue(Note(text: "unreadable"))
            try await shop.database.write { try $0.execute("UPDATE jobs SET payload = '[]' WHERE id = \(unreadable)") }
            try await shop.runner([worker]).runUntilIdle()
            var errors: [String?] = []
            for id in ids + [unreadable] {
                let status = try await shop.status(id)
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
    func `a wait that was asked for is kept`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let worker = Worker(Note.self) { job, _ in
                if job.text == "failure" { throw JobFailure.retry(after: .minutes(5), reason: "the provider is away") }
                throw Problem.overloaded(retryAfter: 90, detail: "Busy.")
            }
            let first = try await shop.enqueue(Note(text: "failure")),
                second = try await shop.enqueue(Note(text: "problem"))
            try await shop.runner([worker]).runUntilIdle()
            #expect(try await shop.status(first).runAt - shop.clock.now == .minutes(5))
            #expect(try await shop.status(first).lastError == "the provider is away")
            #expect(try await shop.status(second).runAt - shop.clock.now == .seconds(90))
        }
    }

    @Test(arguments: Engine.available)
    func `secrets in errors are not kept`(engine: Engine) async throws {
        enum Refusal: Error { case badToken(String) }
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Note(text: ""))
            try await shop.runner([Worker(Note.self) { _, _ in throw Refusal.badToken("hunter2") }]).runUntilIdle()
            #expect(try await shop.status(id).lastError == "Refusal.badToken")
            let long = try await shop.enqueue(Note(text: ""))
            try await shop.runner([
                Worker(Note.self) { _, _ in throw JobFailure.permanent(String(repeating: "x\0", count: 5_000)) }
            ]).runUntilIdle()
            #expect(try await shop.status(long).lastError == String(repeating: "x", count: 500))
        }
    }

    @Test(arguments: Engine.available)
    func `progress is seen while the job runs, and its last word at the end`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Note(text: "n"))
            let seen = Mutex<[JobStatus]>([])
            let look: @Sendable () async throws -> Void = {
                let status = try await shop.status(id)
                seen.withLock { $0.append(status) }
            }
            let worker = Worker(Note.self) { _, context in
                await context.report(percent: 10, phase: "reading", message: "3 files")
                try await look()
                await context.report(percent: 20, phase: "reading")
                try await look()
                shop.clock.advance(by: .milliseconds(250))
                await context.report(percent: 300, phase: "fitting")
                try await look()
                await context.report(percent: .nan, phase: "lost")
                await context.report(percent: 60, phase: "writing", message: "the last word")
                throw JobFailure.permanent("no")
            }
            try await shop.runner([worker]).runUntilIdle()
            #expect(seen.withLock { $0.map(\.percent) } == [10, 10, 100])
            #expect(seen.withLock { $0.map(\.phase) } == ["reading", "reading", "fitting"])
            #expect(seen.withLock { $0.map(\.state) } == [.leased, .leased, .leased])
            #expect(seen.withLock { $0.first?.message } == "3 files")
            let last = try await shop.status(id)
            #expect(last.percent == 60)
            #expect(last.phase == "writing")
            #expect(last.message == "the last word")
        }
    }

    @Test(arguments: Engine.available)
    func `a running job that is cancelled stops, and what it held is released`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Note(text: "n"))
            let worker = Worker(Note.self) { _, context in
                try context.checkCancellation()
                #expect(try await shop.cancel(id) == .leased)
                #expect(try await shop.status(id).isCancelRequested)
                await context.report(percent: 1, phase: "on")
                try context.checkCancellation()
                Issue.record("the worker was not told")
                return .done
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            try await shop.runner([worker]).runUntilIdle()
            #expect(try await shop.status(id).state == .cancelled)
            #expect(try await shop.notes() == ["n cancelled"])
            #expect(try await shop.cancel(id) == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a job that is done before it hears of its cancellation is done, one that fails is cancelled`(engine: Engine)
        async throws
    {
        try await withWorkshop(engine) { shop in
            let done = try await shop.enqueue(Note(text: "done")), failed = try await shop.enqueue(Note(text: "failed"))
            let worker = Worker(Note.self) { job, context in
                try await shop.cancel(context.id)
                if job.text == "failed" { throw JobFailure.retry() }
                return .done { try $0.note(job.text) }
            } abandoned: { job, why, transaction in
                try transaction.note("\(job.text) \(why)")
            }
            try await shop.runner([worker]).runUntilIdle()
            #expect(try await shop.status(done).state == .completed)
            #expect(try await shop.status(failed).state == .cancelled)
            #expect(try await shop.notes() == ["done", "failed cancelled"])
        }
    }

    @Test(arguments: Engine.available)
    func `a job whose worker is lost is taken up again, and its effects happen once`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Note(text: "n"))
            let (started, released) = (Gate(), Gate())
            let fences = Mutex<[Int64]>([])
            let stale = Worker(Note.self) { job, context in
                fences.withLock { $0.append(context.fence) }
                started.open()
                await released.wait()
                await context.report(percent: 99, phase: "late")
                #expect(throws: JobCancelled.self) { try context.checkCancellation() }
                return .done { try $0.note("stale") }
            }
            async let first: Void = shop.runner([stale]).runUntilIdle()
            await started.wait()

            let second = shop.runner([
                Worker(Note.self) { job, context in
                    fences.withLock { $0.append(context.fence) }
                    return .done { try $0.note("fresh") }
                }
            ])
            shop.clock.advance(by: .seconds(29))
            try await second.runUntilIdle()
            #expect(try await shop.notes() == [])
            shop.clock.advance(by: .seconds(2))
            try await second.runUntilIdle()
            #expect(try await shop.notes() == ["fresh"])

            released.open()
            try await first
            #expect(try await shop.notes() == ["fresh"])
            let status = try await shop.status(id)
            #expect(status.state == .completed)
            #expect(status.attempt == 2)
            #expect(status.phase == nil)
            #expect(fences.withLock { $0 } == [1, 3])
            #expect(shop.metrics.exposition.contains(#"outcome="lost"} 1"#))
        }
    }

    @Test(arguments: Engine.available)
    func `a job that takes its worker down three times is poison`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let id = try await shop.enqueue(Note(text: "n"))
            let runner = shop.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note("\(job.text) \(why)")
                }
            ])
            for crash in 1...3 {
                // Taken up by a process that is gone a moment later.
                let claimed = try await shop.database.write {
                    try $0.claimJobs(of: [Note.name], atMost: 5, lease: .seconds(30))
                }
                #expect(claimed.map(\.attempt) == [crash])
                shop.clock.advance(by: .seconds(30))
                #expect(try await runner.sweep() == 1)
                #expect(try await shop.status(id).state == (crash < 3 ? .available : .dead))
            }
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == ["n poisoned"])
            #expect(try await shop.status(id).lastError == "The worker was lost.")
        }
    }

    @Test(arguments: Engine.available)
    func `a lost worker's job that was cancelled is cancelled, and one without attempts is dead`(engine: Engine)
        async throws
    {
        try await withWorkshop(engine) { shop in
            let cancelled = try await shop.enqueue(Note(text: "cancelled")),
                once = try await shop.enqueue(Note(text: "once"), JobOptions(maximumAttempts: 1))
            let runner = shop.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note("\(job.text): \(why)")
                }
            ])
            _ = try await shop.database.write { try $0.claimJobs(of: [Note.name], atMost: 5, lease: .seconds(30)) }
            #expect(try await shop.cancel(cancelled) == .leased)
            shop.clock.advance(by: .minutes(1))
            try await runner.runUntilIdle()
            #expect(try await shop.status(cancelled).state == .cancelled)
            #expect(try await shop.status(once).state == .dead)
            #expect(
                try await shop.notes().sorted() == [
                    "cancelled: cancelled", "once: failed(\"The worker was lost, and no attempts are left.\")",
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `a snoozed job comes back without having used an attempt`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let tally = Tally()
            let runner = shop.runner([
                Worker(Note.self) { job, context in
                    #expect(context.attempt == 1)
                    return tally.add() < 4 ? .snooze(for: .minutes(10)) : .done { try $0.note(job.text) }
                }
            ])
            let id = try await shop.enqueue(Note(text: "n"), JobOptions(maximumAttempts: 1))
            for _ in 1...3 {
                try await runner.runUntilIdle()
                let status = try await shop.status(id)
                #expect(status.state == .scheduled)
                #expect(status.attempt == 0)
                shop.clock.advance(by: .minutes(9))
                try await runner.runUntilIdle()
                #expect(try await shop.status(id).state == .scheduled)
                shop.clock.advance(by: .minutes(1))
            }
            try await runner.runUntilIdle()
            #expect(tally.count == 4)
            #expect(try await shop.notes() == ["n"])
        }
    }

    @Test(arguments: Engine.available)
    func `a job is not dead before what it held is released`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let tally = Tally()
            let runner = shop.runner([
                Worker(Note.self) { _, _ in
                    throw JobFailure.permanent("no")
                } abandoned: { job, why, transaction in
                    try transaction.note("\(why)")
                    if tally.add() <= 2 { throw Problem(.overloaded) }
                }
            ])
            let id = try await shop.enqueue(Note(text: "n"))
            try await runner.runUntilIdle()
            #expect(try await shop.status(id).state == .leased)
            #expect(try await shop.notes() == [])
            shop.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await shop.status(id).state == .leased)
            shop.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await shop.status(id).state == .dead)
            #expect(try await shop.notes() == [#"failed("no")"#])
        }
    }

    @Test(arguments: Engine.available)
    func `a lost job whose hook fails is tried again a lease later, and keeps no other waiting`(engine: Engine)
        async throws
    {
        try await withWorkshop(engine) { shop in
            let tally = Tally()
            let runner = shop.runner([
                Worker(Note.self) { _, _ in
                    .done
                } abandoned: { job, why, transaction in
                    try transaction.note(job.text)
                    if job.text == "bad", tally.add() == 1 { throw Problem(.overloaded) }
                }
            ])
            let bad = try await shop.enqueue(Note(text: "bad"), JobOptions(maximumAttempts: 1))
            let good = try await shop.enqueue(Note(text: "good"), JobOptions(maximumAttempts: 1))
            _ = try await shop.database.write { try $0.claimJobs(of: [Note.name], atMost: 5, lease: .seconds(30)) }
            shop.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await shop.status(bad).state == .leased)
            #expect(try await shop.status(good).state == .dead)
            #expect(try await shop.notes() == ["good"])
            shop.clock.advance(by: .seconds(30))
            try await runner.runUntilIdle()
            #expect(try await shop.status(bad).state == .dead)
            #expect(try await shop.notes() == ["good", "bad"])
        }
    }

    @Test(arguments: Engine.available)
    func `wherever a statement fails, a job's effects happen once in the end`(engine: Engine) async throws {
        for statement in 1...40 {
            var isUntouched = false
            try await withWorkshop(engine) { shop in
                let id = try await shop.enqueue(Note(text: "n"))
                let faulty = FaultyDatabase(shop.database, failingAt: statement)
                try? await shop.runner([.notes], on: faulty).runUntilIdle()
                isUntouched = faulty.statementCount < statement
                // The job is somewhere on its way or done, and a runner that is well brings it home.
                shop.clock.advance(by: .seconds(60))
                try await shop.runner([.notes]).runUntilIdle()
                #expect(try await shop.status(id).state == .completed, "statement \(statement)")
                #expect(try await shop.notes() == ["n"], "statement \(statement)")
            }
            if isUntouched { return }
        }
        Issue.record("the job never ran untouched")
    }

    @Test(arguments: Engine.available)
    func `a job's effects may enqueue what comes next`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let worker = Worker(Note.self) { job, _ in
                .done { transaction in
                    try transaction.note(job.text)
                    if job.text.count < 4 { try shop.queue.enqueue(Note(text: job.text + "n"), in: transaction) }
                }
            }
            try await shop.enqueue(Note(text: "n"))
            try await shop.runner([worker]).runUntilIdle()
            #expect(try await shop.notes() == ["n", "nn", "nnn", "nnnn"])
        }
    }
}
