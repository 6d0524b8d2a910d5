import Base
import ServiceLifecycle
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Jobs

/// The runner as a service, with its own tasks and its own time.
@Suite struct JobServiceTests {
    private func whileServing(_ runners: [JobRunner], _ body: (_ stop: () async throws -> Void) async throws -> Void)
        async throws
    {
        let logger = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(configuration: .init(services: runners.map { .init(service: $0) }, logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body {
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a job that is enqueued is taken up without waiting for the next look`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let done = Gate()
            let worker = Worker(Note.self) { job, _ in
                if job.text == "last" { done.open() }
                return .done { try $0.note(job.text) }
            }
            try await whileServing([shop.runner([worker], settings: .init(slots: 1, poll: .seconds(3_600)))]) { stop in
                for text in ["a", "b", "last"] { try await shop.enqueue(Note(text: text)) }
                await done.wait()
                try await stop()
                #expect(try await shop.notes() == ["a", "b", "last"])
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a heartbeat keeps the lease and brings the cancellation`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let (started, ended) = (Gate(), Gate())
            let worker = Worker(Note.self) { _, context in
                started.open()
                // Blocking code would call this now and then; the task is cancelled as well.
                while true {
                    try context.checkCancellation()
                    try? await Task.sleep(for: .seconds(3_600))
                }
            } abandoned: { _, why, transaction in
                try transaction.note("\(why)")
                ended.open()
            }
            let id = try await shop.enqueue(Note(text: "n"))
            try await whileServing([
                shop.runner([worker], settings: .init(heartbeat: .milliseconds(5), poll: .milliseconds(5)))
            ]) { stop in
                await started.wait()
                #expect(try await shop.cancel(id) == .leased)
                await ended.wait()
                try await stop()
            }
            #expect(try await shop.status(id).state == .cancelled)
            #expect(try await shop.notes() == ["cancelled"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a worker whose lease was lost is told, and its effects are discarded`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let started = Gate(), heard = Mutex<JobCancelled.Reason?>(nil)
            let worker = Worker(Note.self) { _, context in
                started.open()
                do {
                    while true {
                        try context.checkCancellation()
                        try? await Task.sleep(for: .seconds(3_600))
                    }
                } catch let error as JobCancelled {
                    heard.withLock { $0 = error.reason }
                }
                return .done { try $0.note("stale") }
            }
            let id = try await shop.enqueue(Note(text: "n"))
            let runner = shop.runner([worker], settings: .init(heartbeat: .milliseconds(5)))
            try await whileServing([runner]) { stop in
                await started.wait()
                try await shop.database.write {
                    try $0.execute("UPDATE jobs SET fence = fence + 1, lease_until = \(shop.clock.now + .hours(1))")
                }
                await runner.running.waitUntilEmpty(atMost: .seconds(30))
                try await stop()
            }
            #expect(heard.withLock { $0 } == .leaseLost)
            #expect(try await shop.notes() == [])
            #expect(try await shop.status(id).state == .leased)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `on shutdown jobs may end, and those that do not are handed back`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let (started, both, finish) = (Tally(), Gate(), Gate())
            let reason = Mutex<JobCancelled.Reason?>(nil)
            let worker = Worker(Note.self) { job, context in
                if started.add() == 2 { both.open() }
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
                Issue.record("nothing was abandoned")
            }
            let slow = try await shop.enqueue(Note(text: "slow")), quick = try await shop.enqueue(Note(text: "quick"))
            let runner = shop.runner(
                [worker], settings: .init(slots: 2, poll: .milliseconds(5), drain: .milliseconds(300)))
            try await whileServing([runner]) { stop in
                await both.wait()
                let late = try await shop.enqueue(Note(text: "late"))
                finish.open()
                try await stop()
                // Whether there was still time for it or not: nobody has it now.
                #expect(try await shop.status(late).state == .available)
            }
            #expect(try await shop.status(quick).state == .completed)
            #expect(try await shop.notes() == ["quick"])
            #expect(reason.withLock { $0 } == .draining)
            let status = try await shop.status(slow)
            #expect(status.state == .available)
            #expect(status.attempt == 0)
            #expect(try await shop.count("SELECT fence AS count FROM jobs WHERE id = \(slow)") == 2)
            try await shop.runner([.notes]).runUntilIdle()
            #expect(try await shop.status(slow).state == .completed)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a worker that does not stop loses its job to the next runner`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let (started, released) = (Gate(), Gate())
            let stubborn = Worker(Note.self) { _, _ in
                started.open()
                // Not to be interrupted, as a call into C would not be.
                await Task.detached { await released.wait() }.value
                return .done { try $0.note("stubborn") }
            }
            let id = try await shop.enqueue(Note(text: "n"))
            let runner = shop.runner([stubborn], settings: .init(drain: .zero))
            try await whileServing([runner]) { stop in
                await started.wait()
                try await stop()
            }
            #expect(try await shop.status(id).state == .available)
            try await shop.runner([.notes]).runUntilIdle()
            released.open()
            await runner.running.waitUntilEmpty(atMost: .seconds(30))
            #expect(try await shop.notes() == ["n"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `many runners that live do each job once`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let (tally, all) = (Tally(), Gate())
            let worker = Worker(Note.self) { job, _ in
                if tally.add() == 100 { all.open() }
                return .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            let runners = (0..<4).map { _ in shop.runner([worker], settings: .init(poll: .milliseconds(20))) }
            try await whileServing(runners) { stop in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<100 { group.addTask { try await shop.enqueue(Note(text: "\(number)")) } }
                    try await group.waitForAll()
                }
                await all.wait()
                try await stop()
            }
            #expect(tally.count == 100)
            #expect(try await shop.notes().sorted() == (0..<100).map(String.init).sorted())
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a runner whose task is cancelled hands its jobs back at once`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let started = Gate()
            let worker = Worker(Note.self) { _, context in
                started.open()
                try await Task.sleep(for: .seconds(3_600))
                return .done
            }
            let id = try await shop.enqueue(Note(text: "n"))
            let runner = shop.runner([worker])
            let running = Task { try await runner.run() }
            await started.wait()
            running.cancel()
            try await running.value
            let status = try await shop.status(id)
            #expect(status.state == .available)
            #expect(status.attempt == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `progress that came too soon is written a moment later`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let (seen, done) = (Gate(), Gate())
            let worker = Worker(Note.self) { _, context in
                await context.report(percent: 1, phase: "first")
                await context.report(percent: 2, phase: "second")
                await context.report(percent: 3, phase: "third")
                await seen.wait()
                done.open()
                return .done
            }
            let id = try await shop.enqueue(Note(text: "n"))
            try await whileServing([shop.runner([worker])]) { stop in
                while try await shop.status(id).percent < 3 { await Task.yield() }
                #expect(try await shop.status(id).phase == "third")
                seen.open()
                await done.wait()
                try await stop()
            }
            #expect(try await shop.status(id).state == .completed)
        }
    }
}
