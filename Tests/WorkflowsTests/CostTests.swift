import App
import Base
import Modules
import TestKit
import Testing

/// What workflows have cost, beside what they were estimated at.
@Suite struct CostTests {
    /// Three steps of 100 micros each, estimated at 1,000.
    private let steps = [
        Node.write("a", "a.txt", "1"), Node.read("b", "a.txt", after: ["a"]),
        Node.write("c", "c.txt", Node.output("b"), after: ["b"]),
    ]

    @Test(arguments: Engine.available)
    func `costs count for the day, the person and the plan of each attempt`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            let path = try await workflows.run(steps)
            let done = await workflows.get(path)
            #expect(done["estimated_cost"]?.number == 0.003 && done["cost"]?.number == 0.0003, "\(done)")
            #expect(done["estimated_time"]?.number == 6 && done["actual_time"]?.number == 0, "\(done)")
            let step = await workflows.step("a", of: path)
            #expect(step?["estimated_time"]?.number == 2 && step?["estimated_cost"]?.number == 0.001)

            let first = await workflows.get("/v1/workflows/costs")
            #expect(first.status == 200 && first["attempts"] == 3 && first["cost_micros"] == 300, "\(first)")
            #expect(first["cost"]?.number == 0.0003 && first["estimated_cost"]?.number == 0.003)
            let day = String(workflows.app.clock.now.description.prefix(10))
            #expect(first["to"] == .string(day) && first["by_day"]?.array?.count == 1)
            #expect(first["by_day"]?[0]?["day"] == .string(day) && first["by_day"]?[0]?["attempts"] == 3)
            #expect(first["by_user"]?[0]?["user_id"] == .string(workflows.person.id.text), "\(first)")
            #expect(first["by_plan"]?[0]?["plan"] == "trial" && first["by_plan"]?[0]?["cost_micros"] == 300)

            // Failed attempts cost, too: three of them, on another day and under another plan.
            workflows.app.clock.advance(by: .days(1))
            try await workflows.app.put(workflows.person, on: "student")
            let failed = try await workflows.run([Node.read("b", "missing.txt")])
            #expect(await workflows.get(failed)["cost"]?.number == 0.0003)
            let second = await workflows.get("/v1/workflows/costs?days=2")
            #expect(second["attempts"] == 6 && second["cost_micros"] == 600, "\(second)")
            #expect(second["by_day"]?.array?.compactMap { $0["attempts"]?.integer } == [3, 3])
            #expect(second["by_plan"]?.array?.compactMap { $0["plan"]?.string } == ["student", "trial"])
            #expect(await workflows.get("/v1/workflows/costs?days=1")["attempts"] == 3)
            #expect(await workflows.get("/v1/workflows/costs?days=0").status == 422)

            // A count that differs from the agents is found.
            let changes: [(SQL, undone: SQL)] = [
                ("cost = cost + 1", "cost = cost - 1"), ("attempts = attempts - 1", "attempts = attempts + 1"),
                ("estimated_cost = estimated_cost + 1", "estimated_cost = estimated_cost - 1"),
            ]
            for (change, undone) in changes {
                try await workflows.database.write { try $0.execute("UPDATE workflow_costs SET " + change) }
                #expect(try await Invariants.faults(in: workflows.database).isEmpty == false)
                try await workflows.database.write { try $0.execute("UPDATE workflow_costs SET " + undone) }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `administrators see the costs and the workflows of all organisations, without their words`(engine: Engine)
        async throws
    {
        try await withWorkflows(engine) { workflows in
            let other = try await workflows.app.subscriber("student", "other")
            let administrator = try await workflows.app.administrator()
            let path = try await workflows.run(steps)
            // Ids sort by the time of their creation.
            workflows.app.clock.advance(by: .seconds(1))
            let submitted = await workflows.submit(
                "A secret intent", ["goal_graph": ["nodes": .array(steps)]], as: other)
            #expect(submitted.status == 202)
            try await workflows.app.runJobs()
            workflows.app.clock.advance(by: .seconds(1))
            _ = await workflows.submit("and and and")
            try await workflows.app.runJobs()

            let all = await workflows.get("/v1/admin/workflows/costs", as: administrator)
            #expect(all.status == 200 && all["attempts"] == 6 && all["cost_micros"] == 600, "\(all)")
            #expect(all["by_user"]?.array?.count == 2)
            #expect(all["by_plan"]?.array?.compactMap { $0["plan"]?.string } == ["student", "trial"])
            for query in ["user_id=\(other.id)", "organisation_id=\(other.organisation)"] {
                let own = await workflows.get("/v1/admin/workflows/costs?\(query)", as: administrator)
                #expect(own["attempts"] == 3 && own["by_plan"]?.array?.count == 1, "\(own)")
                #expect(own["by_user"]?[0]?["user_id"] == .string(other.id.text))
            }
            #expect(await workflows.get("/v1/workflows/costs", as: other)["attempts"] == 3)

            let first = await workflows.get("/v1/admin/workflows?limit=2", as: administrator)
            #expect(first["workflows"]?.array?.count == 2 && first["workflows"]?[0]?["status"] == "failed", "\(first)")
            let view = first["workflows"]?[1]
            #expect(view?["user_id"] == .string(other.id.text) && view?["plan"] == "student", "\(first)")
            #expect(view?["organisation_id"] == .string(other.organisation) && view?["cost_micros"] == 300)
            let before = first["next_before"]?.string ?? ""
            let second = await workflows.get("/v1/admin/workflows?limit=2&before=\(before)", as: administrator)
            #expect(second["workflows"]?.array?.count == 1 && second["next_before"] == nil, "\(second)")
            #expect(path.hasSuffix(second["workflows"]?[0]?["workflow_id"]?.string ?? "none"))
            #expect(!(first.text + second.text).contains("secret"))
            let paused = await workflows.get("/v1/admin/workflows?status=paused", as: administrator)
            #expect(paused["workflows"] == [])

            for path in ["/v1/admin/workflows", "/v1/admin/workflows/costs"] {
                let refused = await workflows.get(path, as: other)
                #expect(refused.status == 403 && refused.code == "insufficient-role", "\(refused)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the cost of a workflow within another one counts once`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run([
                Node.make(
                    "inner", "sub_workflow", "scheduling", ["intent": "create a file notes.txt with \"Nothing yet.\""])
            ])
            let outer = await workflows.get(path)
            #expect(outer["status"] == "completed", "\(outer)")
            // The step of the outer workflow shows what the inner one has cost.
            #expect(outer["cost"]?.number == 0.0001)
            let costs = await workflows.get("/v1/workflows/costs")
            #expect(costs["cost_micros"] == 100 && costs["attempts"] == 2, "\(costs)")
        }
    }

    @Test(arguments: Engine.available)
    func `costs stay when their workflows are deleted`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            _ = try await workflows.run(steps)
            workflows.app.clock.advance(by: .days(91))
            try await workflows.app.runJobs()
            #expect(try await workflows.count("workflows") == 0)
            let costs = await workflows.get("/v1/workflows/costs?days=100")
            #expect(costs["attempts"] == 3 && costs["cost_micros"] == 300, "\(costs)")
        }
    }

    @Test(arguments: Engine.available)
    func `metrics and agents are those of the workflows that one may see`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run(steps)
            _ = await workflows.submit("and and and")
            try await workflows.app.runJobs()
            for spelling in ["/v1/workflows/metrics", "/api/v1/metrics"] {
                let metrics = await workflows.get(spelling)
                #expect(metrics.status == 200 && metrics["total"] == 2 && metrics["completed"] == 1, "\(metrics)")
                #expect(metrics["failed"] == 1 && metrics["success_rate"]?.number == 0.5, "\(metrics)")
                #expect(metrics["agents_working"] == 0 && metrics["cost_micros"] == 300, "\(metrics)")
            }
            let agents = await workflows.get("/api/v1/agents")["agents"]?.array ?? []
            #expect(agents.count == 3 && agents.allSatisfy { $0["state"] == "retired" }, "\(agents)")
            #expect(agents.allSatisfy { path.hasSuffix($0["workflow_id"]?.string ?? "none") })
            let other = try await workflows.app.register("other")
            #expect(await workflows.get("/v1/agents", as: other)["agents"] == [])
            #expect(await workflows.get("/v1/workflows/metrics", as: other)["total"] == 0)
        }
    }
}
