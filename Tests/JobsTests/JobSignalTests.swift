import Base
import Storage
import TestKit
import Testing

@testable import Jobs

/// Runners and waiting tasks are woken by signals and due times: every poll here has an interval of an hour.
@Suite struct JobSignalTests {
    private static let unpolled = JobRunner.Settings(poll: JobFixture.never)

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `the end of a job is signalled`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let worker = Worker(Note.self) { job, _ in
                if job.text == "dead" { throw JobFailure.permanent("no") }
                return .done
            }
            let done = try await fixture.enqueue(Note(text: "done"))
            let dead = try await fixture.enqueue(Note(text: "dead"))
            let cancelled = try await fixture.enqueue(Other())
            let erased = try await fixture.enqueue(Other(), JobOptions(organisation: "acme"))
            let counting = CountingDatabase(fixture.database)
            let waiting = [done, dead, cancelled, erased].map { id in
                Task { try await fixture.queue.end(of: id, within: JobFixture.never, in: counting)?.state }
            }
            #expect(try await eventually { counting.counter.reads >= 4 })
            try await whileServing([fixture.runner([worker], settings: Self.unpolled)]) { stop in
                try await fixture.cancel(cancelled)
                try await fixture.database.write {
                    try fixture.queue.delete(organisations: ["acme"], naming: [], in: $0)
                }
                var states: [JobState?] = []
                for task in waiting { states.append(try await task.value) }
                #expect(states == [.completed, .dead, .cancelled, nil])
                try await stop()
            }
            // For each one read at the start and one after the signal; on PostgreSQL one when the listener connects.
            #expect(counting.counter.reads <= 12)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `the wait for a job's end has a deadline`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let id = try await fixture.enqueue(Note(text: "n"))
            let status = try await fixture.queue.end(of: id, within: .milliseconds(10), in: fixture.database)
            #expect(status?.state == .available)
            let missing = ID<QueuedJob>(trusted: "00000000-0000-7000-8000-000000000000")
            #expect(try await fixture.queue.end(of: missing, within: JobFixture.never, in: fixture.database) == nil)
            let counting = CountingDatabase(fixture.database)
            let waiting = Task { try await fixture.queue.end(of: id, within: JobFixture.never, in: counting) }
            #expect(try await eventually { counting.counter.reads >= 1 })
            waiting.cancel()
            #expect(try await waiting.value?.state == .available)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a scheduled job, a retry and an expired lease start at their due time`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (counter, done) = (Counter(), Latch())
            let worker = Worker(Note.self) { job, context in
                if job.text == "retry", context.attempt == 1 { throw JobFailure.retry() }
                return .done {
                    try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))")
                    $0.afterCommit { if counter.next() == 3 { done.open() } }
                }
            }
            try await fixture.enqueue(Note(text: "lease"))
            // Claimed without a worker, as by a process that crashes.
            _ = try await fixture.database.write {
                try $0.claimJobs(.system([Note.name], 1), lease: .milliseconds(20))
            }
            try await whileServing([fixture.runner([worker], settings: Self.unpolled)]) { stop in
                let retried = try await fixture.enqueue(Note(text: "retry"))
                #expect(try await eventually { try await fixture.status(retried).state == .retryable })
                try await fixture.enqueue(
                    Note(text: "scheduled"), JobOptions(runAt: fixture.clock.now + .milliseconds(20)))
                fixture.clock.advance(by: .seconds(2))
                await done.wait()
                try await stop()
            }
            #expect(try await fixture.notes().sorted() == ["lease", "retry", "scheduled"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a schedule fires at its tick`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let done = Latch()
            let schedule = Schedule(id: "test", .every(.seconds(1))) { tick, queue, transaction in
                try queue.enqueue(Note(text: "\(tick)"), in: transaction)
            }
            let worker = Worker(Note.self) { job, _ in
                done.open()
                return .done { try $0.note(job.text) }
            }
            try await whileServing([fixture.runner([worker], schedules: [schedule], settings: Self.unpolled)]) { stop in
                // The registration is the first write; the first tick is a second later.
                let isRegistered = try await eventually {
                    try await fixture.count("SELECT COUNT(*) AS count FROM schedules") > 0
                }
                #expect(isRegistered)
                fixture.clock.advance(by: .milliseconds(1_500))
                await done.wait()
                try await stop()
            }
            #expect(try await fixture.notes() == ["2026-03-02T08:00:01Z"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `an idle runner writes nothing`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let counting = CountingDatabase(fixture.database)
            // Not due, and a kind without a worker.
            try await fixture.enqueue(Note(text: "later"), JobOptions(runAt: fixture.clock.now + .hours(1)))
            try await fixture.enqueue(Other())
            let settings = JobRunner.Settings(heartbeat: .milliseconds(1), poll: .milliseconds(1))
            try await whileServing([fixture.runner([.notes], on: counting, settings: settings)]) { stop in
                #expect(try await eventually { counting.counter.reads >= 50 })
                try await stop()
            }
            // The registration of the schedules at the start.
            #expect(counting.counter.writes == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a rolled back job gives no signal`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            struct BodyFailure: Error {}
            let registration = fixture.queue.notifier.addRunner(of: [Note.name])
            await #expect(throws: Problem.self) {
                try await fixture.database.write { [queue = fixture.queue] transaction in
                    try queue.enqueue(Note(text: "never"), in: transaction)
                    throw BodyFailure()
                }
            }
            let clock = ContinuousClock()
            let unsignalled = await clock.measure { await registration.signal.wait(atMost: .milliseconds(20)) }
            #expect(unsignalled >= .milliseconds(20))
            try await fixture.enqueue(Note(text: "kept"))
            await registration.signal.wait(atMost: JobFixture.never)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a job that is queued in a lane without a free slot gives no signal`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let registration = fixture.queue.notifier.addRunner(of: [Note.name])
            registration.setVacant([.mail])
            try await fixture.enqueue(Note(text: "waits"))
            let clock = ContinuousClock()
            let unsignalled = await clock.measure { await registration.signal.wait(atMost: .milliseconds(20)) }
            #expect(unsignalled >= .milliseconds(20))
            registration.setVacant([.mail, .system])
            try await fixture.enqueue(Note(text: "starts"))
            await registration.signal.wait(atMost: JobFixture.never)
        }
    }
}

/// Signals between processes: each has its own queue and database connections.
@Suite(.enabled(if: Engine.available.contains(.postgres)), .serialized) struct JobNotificationTests {
    private func withProcesses(_ body: (JobFixture, JobFixture) async throws -> Void) async throws {
        try await withDatabasePlace(.postgres) { place in
            let clock = TestClock(JobFixture.start)
            let one = try place.open(clock: { clock.now }), other = try place.open(clock: { clock.now })
            try await attempt {
                try await JobFixture.migrate(one)
                try await body(JobFixture(one, clock: clock), JobFixture(other, clock: clock))
            } finally: {
                await one.close()
                await other.close()
            }
        }
    }

    private func listening(_ fixture: JobFixture) async throws {
        #expect(try await eventually { fixture.database.gauges["postgres_listening"] == 1 })
    }

    private func sent(_ fixture: JobFixture) -> Double? { fixture.database.gauges["postgres_notifications_sent_total"] }

    @Test(.timeLimit(.minutes(1)))
    func `a job of one process starts in another, and its end is signalled back`() async throws {
        try await withProcesses { server, worker in
            let runner = worker.runner([.notes], settings: .init(poll: JobFixture.never))
            try await whileServing([runner]) { stop in
                try await listening(worker)
                server.queue.connect(to: server.database)
                try await listening(server)
                let id = try await server.enqueue(Note(text: "n"))
                let status = try await server.queue.end(of: id, within: JobFixture.never, in: server.database)
                #expect(status?.state == .completed)
                try await stop()
            }
            #expect(try await server.notes() == ["n"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a process without peers sends no notification`() async throws {
        try await withProcesses { server, _ in
            let runner = server.runner([.notes], settings: .init(poll: JobFixture.never))
            try await whileServing([runner]) { stop in
                try await listening(server)
                for text in ["a", "b"] {
                    let id = try await server.enqueue(Note(text: text))
                    _ = try await server.queue.end(of: id, within: JobFixture.never, in: server.database)
                }
                try await stop()
            }
            await server.database.close()
            #expect(sent(server) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `two runners of two processes run each job once`() async throws {
        try await withProcesses { one, other in
            let (counter, all) = (Counter(), Latch())
            let worker = Worker(Note.self) { job, _ in
                .done {
                    try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))")
                    $0.afterCommit { if counter.next() == 50 { all.open() } }
                }
            }
            let settings = JobRunner.Settings(poll: JobFixture.never)
            try await whileServing([
                one.runner([worker], settings: settings), other.runner([worker], settings: settings),
            ]) { stop in
                for number in 0..<50 { try await one.enqueue(Note(text: "\(number)")) }
                await all.wait()
                try await stop()
            }
            #expect(try await one.notes().sorted() == (0..<50).map(String.init).sorted())
        }
    }
}
