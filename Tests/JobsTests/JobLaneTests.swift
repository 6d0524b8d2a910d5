import Base
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Jobs

@Suite struct JobLaneTests {
    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `jobs of a lane do not wait for those of another`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (started, release, noted) = (Latch(), Latch(), Latch())
            let compute = Worker(Computation.self) { _, _ in
                started.open()
                await release.wait()
                return .done
            }
            let system = Worker(Note.self) { job, _ in
                noted.open()
                return .done { try $0.note(job.text) }
            }
            let running = try await fixture.enqueue(Computation(text: "running"))
            let waiting = try await fixture.enqueue(Computation(text: "waiting"))
            let settings = JobRunner.Settings(slots: 1, systemSlots: 1, poll: JobFixture.never)
            try await whileServing([fixture.runner([compute, system], settings: settings)]) { stop in
                await started.wait()
                let note = try await fixture.enqueue(Note(text: "n"))
                await noted.wait()
                _ = try await fixture.queue.end(of: note, within: .seconds(60), in: fixture.database)
                #expect(try await fixture.notes() == ["n"])
                #expect(try await fixture.status(running).state == .leased)
                #expect(try await fixture.status(waiting).state == .available)
                #expect(fixture.metrics.exposition.contains(#"gatehouse_jobs_running{lane="compute"} 1"#))
                release.open()
                _ = try await fixture.queue.end(of: waiting, within: .seconds(60), in: fixture.database)
                try await stop()
            }
            #expect(try await fixture.status(waiting).state == .completed)
        }
    }

    @Test(arguments: Engine.available)
    func `of the organisations the one with the fewest running jobs is next, and each has at most its maximum`(
        engine: Engine
    ) async throws {
        try await withJobFixture(engine) { fixture in
            for text in ["a1", "a2", "a3"] {
                try await fixture.enqueue(Computation(text: text), JobOptions(priority: 1, organisation: "a"))
            }
            for text in ["b1", "b2"] {
                try await fixture.enqueue(Computation(text: text), JobOptions(organisation: "b"))
            }
            for text in ["x", "y"] { try await fixture.enqueue(Computation(text: text), JobOptions(priority: 900)) }
            func claim(_ count: Int, organisationMax: Int) async throws -> Set<String> {
                let claim = LaneClaim.compute([Computation.name], count, organisationMax: organisationMax)
                let jobs = try await fixture.database.write { try $0.claimJobs(claim, lease: .seconds(30)) }
                return Set(jobs.map { String($0.payload.dropFirst(9).dropLast(2)) })
            }
            // One of each organisation, although all of a's have the better priority.
            #expect(try await claim(2, organisationMax: 2) == ["a1", "b1"])
            // Those without an organisation share nothing.
            #expect(try await claim(3, organisationMax: 1) == ["x", "y"])
            #expect(try await claim(3, organisationMax: 2) == ["a2", "b2"])
            #expect(try await claim(3, organisationMax: 2) == [])
            let due = try await fixture.database.read {
                try $0.dueClaims(among: [.compute([Computation.name], 1, organisationMax: 2)])
            }
            #expect(due.isEmpty)
            #expect(try await claim(3, organisationMax: 3) == ["a3"])
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent claims keep the maximum of an organisation`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            for number in 0..<20 {
                try await fixture.enqueue(
                    Computation(text: "\(number)"), JobOptions(organisation: number % 2 == 0 ? "a" : "b"))
            }
            let worker = Worker(Computation.self) { _, _ in .done }
            let runner = fixture.runner([worker], settings: .init(slots: 6))
            let leased = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await runner.lease([runner.claim(of: .compute, count: 6)]).jobs.count }
                }
                return try await group.reduce(0, +)
            }
            #expect(leased == 6)
            for organisation in ["a", "b"] {
                let running = try await fixture.count(
                    """
                    SELECT COUNT(*) AS count FROM jobs WHERE state = 'leased' AND organisation = \(organisation)
                    """)
                #expect(running == 3)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a cancelled job frees its slot without a heartbeat`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let (started, second) = (Latch(), Latch())
            let worker = Worker(Computation.self) { job, context in
                guard job.text == "first" else {
                    second.open()
                    return .done
                }
                started.open()
                while true {
                    try context.checkCancellation()
                    try? await Task.sleep(for: .seconds(3_600))
                }
            }
            let id = try await fixture.enqueue(Computation(text: "first"))
            try await fixture.enqueue(Computation(text: "second"))
            let settings = JobRunner.Settings(
                slots: 1, lease: .hours(2), heartbeat: .hours(1), cancellationPoll: .milliseconds(5),
                poll: JobFixture.never)
            try await whileServing([fixture.runner([worker], settings: settings)]) { stop in
                await started.wait()
                #expect(try await fixture.cancel(id) == .leased)
                await second.wait()
                try await stop()
            }
            #expect(try await fixture.status(id).state == .cancelled)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a job with a lane of its own does not wait for others of its kind, nor for those of one organisation`(
        engine: Engine
    ) async throws {
        try await withJobFixture(engine) { fixture in
            let (release, done) = (Latch(), Latch())
            let worker = Worker(Computation.self) { job, _ in
                if job.text == "other" { done.open() } else { await release.wait() }
                return .done
            }
            try await fixture.enqueue(Computation(text: "long"), JobOptions(organisation: "a"))
            let waiting = try await fixture.enqueue(Computation(text: "waiting"), JobOptions(organisation: "b"))
            try await fixture.enqueue(Computation(text: "short"), JobOptions(organisation: "a", lane: .short))
            let second = try await fixture.enqueue(
                Computation(text: "second"), JobOptions(organisation: "a", lane: .short))
            try await fixture.enqueue(Computation(text: "other"), JobOptions(organisation: "b", lane: .short))
            let settings = JobRunner.Settings(slots: 1, poll: JobFixture.never)
            try await whileServing([fixture.runner([worker], settings: settings)]) { stop in
                await done.wait()
                #expect(try await fixture.status(waiting).state == .available)
                #expect(try await fixture.status(second).state == .available)
                release.open()
                _ = try await fixture.queue.end(of: second, within: .seconds(60), in: fixture.database)
                _ = try await fixture.queue.end(of: waiting, within: .seconds(60), in: fixture.database)
                try await stop()
            }
            #expect(try await fixture.status(second).state == .completed)
        }
    }

    @Test(arguments: Engine.available)
    func `a dead job is redriven in its lane`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let dead = try await fixture.enqueue(Computation(text: "c"), JobOptions(lane: .short))
            try await fixture.runner([Worker(Computation.self) { _, _ in throw JobFailure.permanent("no") }])
                .runUntilIdle()
            let redriven = try await fixture.database.write { try fixture.queue.redrive(dead, in: $0) }
            #expect(redriven != nil)
            #expect(try await fixture.count("SELECT COUNT(*) AS count FROM jobs WHERE lane = 'short'") == 2)
        }
    }
}

extension LaneClaim {
    static func system(_ kinds: [String], _ count: Int) -> LaneClaim {
        LaneClaim(lane: .system, kinds: JobKinds(kinds), count: count, organisationMax: nil)
    }

    static func compute(_ kinds: [String], _ count: Int, organisationMax: Int) -> LaneClaim {
        LaneClaim(lane: .compute, kinds: JobKinds(kinds), count: count, organisationMax: organisationMax)
    }
}
