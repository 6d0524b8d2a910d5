import Base
import Storage
import Synchronization
import TestKit
import Testing

@testable import Jobs

@Suite struct ScheduleTests {
    /// Puts a note with the time of its tick into the queue.
    private func noting(_ rule: Schedule.Rule, _ misfire: Schedule.Misfire = .once) -> Schedule {
        Schedule(id: "test", rule, misfire: misfire) { tick, queue, transaction in
            try queue.enqueue(Note(text: "\(tick)"), in: transaction)
        }
    }

    @Test(arguments: Engine.available)
    func `a schedule ticks at its time and not before`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let runner = shop.runner([.notes], schedules: [noting(.cron("30 8 * * *", timeZone: "UTC"))])
            try await runner.runUntilIdle()
            shop.clock.advance(by: .minutes(29))
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == [])
            shop.clock.advance(by: .minutes(1))
            try await runner.runUntilIdle()
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == ["2026-03-02T08:30:00Z"])
            shop.clock.advance(by: .days(1))
            // A process that starts anew finds the schedule as it was.
            try await shop.runner([.notes], schedules: [noting(.cron("30 8 * * *", timeZone: "UTC"))]).runUntilIdle()
            #expect(try await shop.notes() == ["2026-03-02T08:30:00Z", "2026-03-03T08:30:00Z"])
        }
    }

    @Test(arguments: Engine.available)
    func `a tick happens once, however many runners see it`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let schedules = (0..<5).map { number in
                Schedule(id: "s\(number)", .every(.minutes(1))) { tick, queue, transaction in
                    try queue.enqueue(Note(text: "s\(number) \(tick)"), in: transaction)
                }
            }
            let done = Worker(Note.self) { job, _ in
                .done { try $0.execute("INSERT INTO notes (number, text) VALUES (0, \(job.text))") }
            }
            let runners = (0..<4).map { _ in shop.runner([done], schedules: schedules) }
            for runner in runners { try await runner.runUntilIdle() }
            for _ in 0..<5 {
                shop.clock.advance(by: .minutes(1))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for runner in runners { group.addTask { try await runner.runUntilIdle() } }
                    try await group.waitForAll()
                }
            }
            let notes = try await shop.notes()
            #expect(notes.count == 25)
            #expect(Set(notes).count == 25)
        }
    }

    @Test(arguments: Engine.available)
    func `a missed tick is skipped, made up for once, or each of them`(engine: Engine) async throws {
        let expected: [(Schedule.Misfire, [String])] = [
            (.skip, ["13:00"]),
            (.once, ["12:00", "13:00"]),
            (.all(cap: 3), ["10:00", "11:00", "12:00", "13:00"]),
            (.all(cap: 100), ["09:00", "10:00", "11:00", "12:00", "13:00"]),
        ]
        for (misfire, times) in expected {
            try await withWorkshop(engine) { shop in
                let runner = shop.runner([.notes], schedules: [noting(.cron("0 * * * *", timeZone: "UTC"), misfire)])
                try await runner.runUntilIdle()
                // Nobody is there from 08:00 until 12:40; and at 13:00 somebody is a little late.
                shop.clock.advance(by: .minutes(280))
                try await runner.runUntilIdle()
                shop.clock.advance(by: .minutes(20) + .seconds(20))
                try await runner.runUntilIdle()
                #expect(try await shop.notes() == times.map { "2026-03-02T\($0):00Z" })
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an interval counts from the previous tick`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let runner = shop.runner([.notes], schedules: [noting(.every(.minutes(10)))])
            try await runner.runUntilIdle()
            shop.clock.advance(by: .minutes(13))
            try await runner.runUntilIdle()
            shop.clock.advance(by: .minutes(7))
            // Started anew, and still on the old beat.
            try await shop.runner([.notes], schedules: [noting(.every(.minutes(10)))]).runUntilIdle()
            shop.clock.advance(by: .minutes(34))
            try await runner.runUntilIdle()
            shop.clock.advance(by: .minutes(6))
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == ["08:10", "08:20", "08:50", "09:00"].map { "2026-03-02T\($0):00Z" })
        }
    }

    @Test(arguments: Engine.available)
    func `days with fewer or more hours tick once all the same`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let runner = shop.runner([.notes], schedules: [noting(.cron("30 2 * * *", timeZone: "Europe/Vienna"))])
            for (day, ticks) in [
                ("2026-03-29T00:00:00Z", ["2026-03-29T01:00:00Z"]), ("2026-10-25T00:00:00Z", ["2026-10-25T00:30:00Z"]),
            ] {
                shop.clock.set(try #require(Instant(day)))
                try await runner.runUntilIdle()
                try await shop.database.write { try $0.execute("DELETE FROM notes") }
                for _ in 0..<(4 * 20) {
                    shop.clock.advance(by: .minutes(15))
                    try await runner.runUntilIdle()
                }
                #expect(try await shop.notes() == ticks)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a schedule whose rule changes begins anew, and an older version leaves it alone`(engine: Engine) async throws
    {
        try await withWorkshop(engine) { shop in
            let old = shop.runner([.notes], schedules: [noting(.every(.minutes(10)))])
            try await old.runUntilIdle()
            let new = shop.runner([.notes], schedules: [noting(.every(.hours(1)))])
            try await new.runUntilIdle()
            shop.clock.advance(by: .minutes(61))
            #expect(try await old.scheduler.fireDue { throw $1 } == 0)
            try await new.runUntilIdle()
            #expect(try await shop.notes() == ["2026-03-02T09:00:00Z"])
        }
    }

    @Test(arguments: Engine.available)
    func `a tick that fails is tried again and leaves nothing behind`(engine: Engine) async throws {
        try await withWorkshop(engine) { shop in
            let tally = Tally()
            let bad = Schedule(id: "bad", .every(.minutes(1))) { tick, queue, transaction in
                try queue.enqueue(Note(text: "bad \(tick)"), in: transaction)
                if tally.add() == 1 { throw Problem(.overloaded) }
            }
            let good = Schedule(id: "good", .every(.minutes(1))) { tick, queue, transaction in
                try queue.enqueue(Note(text: "good"), in: transaction)
            }
            let runner = shop.runner([.notes], schedules: [bad, good])
            try await runner.runUntilIdle()
            shop.clock.advance(by: .minutes(1))
            let failed = Mutex<[String]>([])
            let moved = try await runner.scheduler.fireDue { id, _ in failed.withLock { $0.append(id) } }
            #expect(moved == 1)
            #expect(failed.withLock { $0 } == ["bad"])
            #expect(try await shop.count("SELECT COUNT(*) AS count FROM schedule_ticks") == 1)
            try await runner.runUntilIdle()
            #expect(try await shop.notes() == ["good", "bad 2026-03-02T08:01:00Z"])
        }
    }
}
