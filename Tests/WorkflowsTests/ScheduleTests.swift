import App
import Base
import Modules
import TestKit
import Testing

@Suite struct ScheduleTests {
    /// Every day at 9 in Berlin.
    private static let graph: JSONValue = [
        "nodes": [Node.write("a", "a.txt", "1")], "trigger": ["cron": "0 9 * * *", "time_zone": "Europe/Berlin"],
    ]

    @Test(arguments: Engine.available)
    func `a graph with a trigger is submitted at each of its times, once and for a credit`(engine: Engine) async throws
    {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            let accepted = await workflows.submit("Every day at 9 write it down", ["goal_graph": Self.graph])
            let path = try #require(accepted.headers["location"])
            try await workflows.app.runJobs()
            let made = await workflows.get(path)
            #expect(made["status"] == "completed" && made["steps_total"] == 1, "\(made)")
            #expect(await workflows.levels() == [9, 1, 0])
            let schedule = await workflows.get("/v1/workflow-schedules")["schedules"]?[0]
            #expect(schedule?["cron"] == "0 9 * * *" && schedule?["time_zone"] == "Europe/Berlin")

            for day in 1...2 {
                workflows.app.clock.advance(by: .days(1))
                // A second run, such as on another node, submits nothing.
                for _ in 1...2 { try await workflows.app.runJobs() }
                #expect(await workflows.get("/v1/workflows")["total"] == .integer(Int64(day) + 1))
                #expect(await workflows.levels() == [9 - Int64(day), 1 + Int64(day), 0])
            }
            // A stop of three days is made up for once.
            workflows.app.clock.advance(by: .days(3))
            try await workflows.app.runJobs()
            #expect(await workflows.get("/v1/workflows")["total"] == 4)

            let id = schedule?["schedule_id"]?.string ?? ""
            let other = try await workflows.app.register("other")
            #expect(await workflows.delete("/v1/workflow-schedules/\(id)", as: other).status == 404)
            #expect(await workflows.delete("/v1/workflow-schedules/\(id)").status == 204)
            #expect(await workflows.delete("/v1/workflow-schedules/\(id)").status == 404)
            workflows.app.clock.advance(by: .days(2))
            try await workflows.app.runJobs()
            #expect(await workflows.get("/v1/workflows")["total"] == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `a clock that was ahead silences no schedule, and no tick is submitted twice`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            _ = await workflows.submit("Every day at 9 write it down", ["goal_graph": Self.graph])
            try await workflows.app.runJobs()
            let start = workflows.app.clock.now
            // The tick of the next day is taken too early, and comes again a day after the start.
            for (time, total) in [
                (Duration.days(5), Int64(2)), (.minutes(1), 2), (.minutes(3), 2), (.days(1), 2), (.days(2), 3),
                (.days(3), 4),
            ] {
                workflows.app.clock.set(start + time)
                for _ in 1...2 { try await workflows.app.runJobs() }
                #expect(await workflows.get("/v1/workflows")["total"] == .integer(total), "\(time)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a schedule ends at the third refusal in a row`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            _ = await workflows.submit("Every day", ["goal_graph": Self.graph])
            try await workflows.app.runJobs()
            // The trial has ended.
            workflows.app.clock.advance(by: .days(31))
            for refusals in 1...3 {
                workflows.app.clock.advance(by: .days(1))
                try await workflows.app.runJobs()
                #expect(
                    try await workflows.count(
                        """
                        workflow_schedules WHERE refusals = \(refusals) AND refusal = 'subscription-required'
                            AND is_active = \(refusals < 3)
                        """) == 1, "\(refusals)")
            }
            #expect(try await workflows.count("workflows") == 1)
            #expect(
                try await workflows.count("audit_events WHERE action = 'workflow-schedule.refused'") == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `an expression or a zone that is not one is refused`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            for trigger: JSONValue in [
                ["cron": "0 25 * * *", "time_zone": "UTC"], ["cron": "0 9 * * *", "time_zone": "Mars/Olympus"],
            ] {
                let refused = await workflows.submit(
                    "x", ["goal_graph": ["nodes": [Node.write("a", "a.txt", "1")], "trigger": trigger]])
                #expect(refused.status == 422 && refused.text.contains("is not a schedule"), "\(refused)")
            }
        }
    }
}
