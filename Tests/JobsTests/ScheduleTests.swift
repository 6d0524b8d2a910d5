import Base
import Storage
import Synchronization
import TestKit
import Testing

@testable import Jobs

@Suite struct ScheduleTests {
    /// Enqueues a note with the time of its tick.
    private func noting(_ rule: Schedule.Rule, _ misfire: Schedule.Misfire = .once) -> Schedule {
        Schedule(id: "test", rule, misfire: misfire) { tick, queue, transaction in
            try queue.enqueue(Note(text: "\(tick)"), in: transaction)
        }
    }

    @Test(arguments: Engine.available)
    func `a schedule fires at its time and not before`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let runner = fixture.runner([.notes], schedules: [noting(.cron("30 8 * * *", timeZone: "UTC"))])
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .minutes(29))
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == [])
            fixture.clock.advance(by: .minutes(1))
            try await runner.runUntilIdle()
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == ["2026-03-02T08:30:00Z"])
            fixture.clock.advance(by: .days(1))
            // A new process continues with the stored schedule.
            try await fixture.runner([.notes], schedules: [noting(.cron("30 8 * * *", timeZone: "UTC"))]).runUntilIdle()
            #expect(try await fixture.notes() == ["2026-03-02T08:30:00Z", "2026-03-03T08:30:00Z"])
        }
    }

    @Test(arguments: Engine.available)
    func `a clock that was ahead silences no schedule, and no tick fires twice`(engine: Engine) async throws {
        for rule: Schedule.Rule in [.cron("30 8 * * *", timeZone: "UTC"), .every(.minutes(30))] {
            try await withJobFixture(engine) { fixture in
                let runner = fixture.runner([.notes], schedules: [noting(rule)])
                try await runner.runUntilIdle()
                // At 8:30 the clock is ten days ahead, and right a moment later.
                let ahead = JobFixture.start + .days(10) + .minutes(30)
                for time in [ahead, JobFixture.start, JobFixture.start + .minutes(30)] {
                    fixture.clock.set(time)
                    try await runner.runUntilIdle()
                }
                let expected = ["2026-03-12T08:30:00Z", "2026-03-02T08:30:00Z"]
                #expect(try await fixture.notes() == expected)
                // Set back by two minutes.
                for minutes: Int64 in [28, 30] {
                    fixture.clock.set(JobFixture.start + .minutes(minutes))
                    try await runner.runUntilIdle()
                    #expect(try await fixture.notes() == expected)
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a tick fires once with several runners`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let schedules = (0..<5).map { number in
                Schedule(id: "s\(number)", .every(.minutes(1))) { tick, queue, transaction in
                    try queue.enqueue(Note(text: "s\(number) \(tick)"), in: transaction)
                }
            }
            let done = Worker(Note.self) { job, _ in
                .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            let runners = (0..<4).map { _ in fixture.runner([done], schedules: schedules) }
            for runner in runners { try await runner.runUntilIdle() }
            for _ in 0..<5 {
                fixture.clock.advance(by: .minutes(1))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for runner in runners { group.addTask { try await runner.runUntilIdle() } }
                    try await group.waitForAll()
                }
            }
            let notes = try await fixture.notes()
            #expect(notes.count == 25)
            #expect(Set(notes).count == 25)
        }
    }

    @Test(arguments: Engine.available)
    func `missed ticks fire not at all, once, or each up to the cap`(engine: Engine) async throws {
        let expected: [(Schedule.Misfire, [String])] = [
            (.skip, ["13:00"]),
            (.once, ["12:00", "13:00"]),
            (.all(cap: 3), ["10:00", "11:00", "12:00", "13:00"]),
            (.all(cap: 100), ["09:00", "10:00", "11:00", "12:00", "13:00"]),
        ]
        for (misfire, times) in expected {
            try await withJobFixture(engine) { fixture in
                let runner = fixture.runner([.notes], schedules: [noting(.cron("0 * * * *", timeZone: "UTC"), misfire)])
                try await runner.runUntilIdle()
                // No runner runs from 08:00 to 12:40; the tick of 13:00 is 20 s late.
                fixture.clock.advance(by: .minutes(280))
                try await runner.runUntilIdle()
                fixture.clock.advance(by: .minutes(20) + .seconds(20))
                try await runner.runUntilIdle()
                #expect(try await fixture.notes() == times.map { "2026-03-02T\($0):00Z" })
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an interval counts from the previous tick`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let runner = fixture.runner([.notes], schedules: [noting(.every(.minutes(10)))])
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .minutes(13))
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .minutes(7))
            // A new process keeps the interval.
            try await fixture.runner([.notes], schedules: [noting(.every(.minutes(10)))]).runUntilIdle()
            fixture.clock.advance(by: .minutes(34))
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .minutes(6))
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == ["08:10", "08:20", "08:50", "09:00"].map { "2026-03-02T\($0):00Z" })
        }
    }

    @Test(arguments: Engine.available)
    func `days with a change of daylight saving fire once`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let runner = fixture.runner([.notes], schedules: [noting(.cron("30 2 * * *", timeZone: "Europe/Vienna"))])
            for (day, ticks) in [
                ("2026-03-29T00:00:00Z", ["2026-03-29T01:00:00Z"]), ("2026-10-25T00:00:00Z", ["2026-10-25T00:30:00Z"]),
            ] {
                fixture.clock.set(try #require(Instant(day)))
                try await runner.runUntilIdle()
                try await fixture.database.write { try $0.execute("DELETE FROM notes") }
                for _ in 0..<(4 * 20) {
                    fixture.clock.advance(by: .minutes(15))
                    try await runner.runUntilIdle()
                }
                #expect(try await fixture.notes() == ticks)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a schedule with a changed rule starts from now, and an older version does not fire it`(engine: Engine)
        async throws
    {
        try await withJobFixture(engine) { fixture in
            let old = fixture.runner([.notes], schedules: [noting(.every(.minutes(10)))])
            try await old.runUntilIdle()
            let new = fixture.runner([.notes], schedules: [noting(.every(.hours(1)))])
            try await new.runUntilIdle()
            fixture.clock.advance(by: .minutes(61))
            let due = try await fixture.database.read { try old.scheduler.due(in: $0) }
            #expect(due == ["test"])
            #expect(try await old.scheduler.fire(due) { throw $1 } == 0)
            try await new.runUntilIdle()
            #expect(try await fixture.notes() == ["2026-03-02T09:00:00Z"])
        }
    }

    @Test(arguments: Engine.available)
    func `a failed tick is rolled back and tried again`(engine: Engine) async throws {
        try await withJobFixture(engine) { fixture in
            let counter = Counter()
            let bad = Schedule(id: "bad", .every(.minutes(1))) { tick, queue, transaction in
                try queue.enqueue(Note(text: "bad \(tick)"), in: transaction)
                if counter.next() == 1 { throw Problem(.overloaded) }
            }
            let good = Schedule(id: "good", .every(.minutes(1))) { tick, queue, transaction in
                try queue.enqueue(Note(text: "good"), in: transaction)
            }
            let runner = fixture.runner([.notes], schedules: [bad, good])
            try await runner.runUntilIdle()
            fixture.clock.advance(by: .minutes(1))
            let failed = Mutex<[String]>([])
            let due = try await fixture.database.read { try runner.scheduler.due(in: $0) }
            let moved = try await runner.scheduler.fire(due) { id, _ in failed.withLock { $0.append(id) } }
            #expect(moved == 1)
            #expect(failed.withLock { $0 } == ["bad"])
            #expect(try await fixture.count("SELECT COUNT(*) AS count FROM schedule_ticks") == 1)
            try await runner.runUntilIdle()
            #expect(try await fixture.notes() == ["good", "bad 2026-03-02T08:01:00Z"])
        }
    }
}
