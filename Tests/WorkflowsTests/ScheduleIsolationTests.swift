import App
import Base
import Modules
import TestKit
import Testing

/// What a client sends, and a schedule that fails, stop no schedule of another organisation.
@Suite struct ScheduleIsolationTests {
    /// Every day at 9.
    private static let graph: JSONValue = [
        "nodes": [Node.write("a", "a.txt", "1")], "trigger": ["cron": "0 9 * * *", "time_zone": "UTC"],
    ]

    @Test(arguments: Engine.available)
    func `neither the key of a tick nor a schedule that fails stops other schedules`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            let other = try await workflows.app.subscriber("student", "other")
            for person in [workflows.person, other] {
                let accepted = await workflows.submit("Every day at 9", ["goal_graph": Self.graph], as: person)
                #expect(accepted.status == 202, "\(accepted)")
                try await workflows.app.runJobs()
            }
            // The key that the next tick would have, were it a client's.
            let schedule = try #require(await workflows.get("/v1/workflow-schedules")["schedules"]?[0])
            let next = try await workflows.database.read { transaction in
                try transaction.first(
                    "SELECT next_at FROM workflow_schedules WHERE id = \(schedule["schedule_id"]?.string ?? "")"
                ) { try $0["next_at"] as Int64 }
            }
            let key = "schedule:\(schedule["schedule_id"]?.string ?? ""):\(try #require(next))"
            #expect(await workflows.submit(nodes: [Node.write("a", "a.txt", "2")], key: key).status == 202)
            workflows.app.clock.advance(by: .days(1))
            try await workflows.app.runJobs()
            for person in [workflows.person, other] {
                let list = await workflows.get("/v1/workflow-schedules", as: person)
                #expect(list["schedules"]?[0]?["refusals"] == 0, "\(list)")
            }
            #expect(await workflows.get("/v1/workflows")["total"] == 3)
            #expect(await workflows.get("/v1/workflows", as: other)["total"] == 2)

            // An expression that the server cannot read any more: the other schedule goes on.
            try await workflows.database.write {
                try $0.execute(
                    "UPDATE workflow_schedules SET cron = 'broken' WHERE person_id = \(workflows.person.id)")
            }
            workflows.app.clock.advance(by: .days(1))
            try await workflows.app.runJobs()
            #expect(await workflows.get("/v1/workflows")["total"] == 3)
            #expect(await workflows.get("/v1/workflows", as: other)["total"] == 3)
            #expect(try await workflows.count("jobs WHERE kind = 'workflows.run-schedules' AND state = 'dead'") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the key of one member is free for another`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let guest = try await workflows.app.register("guest")
            try await workflows.database.write {
                try $0.execute(
                    """
                    INSERT INTO memberships (organisation_id, person_id, role, created_at)
                    VALUES (\(workflows.person.organisation), \(guest.id), 'member', \($0.now))
                    """)
            }
            func submit(_ text: String, _ person: TestPerson) async -> TestResponse {
                await workflows.app.call(
                    "POST", "/v1/intents",
                    json: ["intent": "x", "goal_graph": ["nodes": [Node.write("a", "a.txt", .string(text))]]],
                    token: person.token,
                    headers: [
                        "Idempotency-Key": "report", "X-Organisation": workflows.person.organisation,
                    ])
            }
            let first = await submit("1", workflows.person)
            let second = await submit("2", guest)
            #expect(first.status == 202 && second.status == 202, "\(first) \(second)")
            #expect(first["workflow_id"] != second["workflow_id"])
            #expect(await submit("2", workflows.person).code == "operation-conflict")
            #expect(await submit("2", guest)["workflow_id"] == second["workflow_id"])
        }
    }
}
