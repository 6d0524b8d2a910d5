import App
import Base
import Identity
import Modules
import TestKit
import Testing

@Suite struct ControlTests {
    @Test(arguments: Engine.available)
    func `a workflow that is cancelled before a step has succeeded gives its credit back`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let accepted = await workflows.submit(nodes: [Node.write("a", "a.txt", "1")])
            let path = try #require(accepted.headers["location"])
            let cancelled = await workflows.delete(path)
            #expect(cancelled.status == 200 && cancelled["message"] == "Workflow cancelled successfully")
            #expect(cancelled["workflow_id"] == accepted["workflow_id"])
            #expect(await workflows.levels() == [10, 0, 0])
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["status"] == "cancelled")
            #expect(await workflows.audited(path) == ["intent.submitted", "workflow.cancelled"])
            let entry = await workflows.get("\(path)/audit")["entries"]?[1]
            #expect(entry?["user_id"] == .string(workflows.person.id.text), "\(String(describing: entry))")
            let message = await workflows.messages(path).last
            #expect(message?["type"] == "workflow.cancelled")
            #expect(message?["data"]?["user_id"] == .string(workflows.person.id.text))

            for (method, suffix) in [("DELETE", ""), ("POST", "/pause"), ("POST", "/resume")] {
                let again = await workflows.app.call(method, path + suffix, token: workflows.person.token)
                #expect(again.status == 409 && again.code == "workflow-state-conflict", "\(again)")
                #expect(again["status"] == "cancelled" || again["status"] == 409)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a step that no recovery helps pauses the workflow, and resuming tries it again`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            // The file is written by another workflow's folder only: it is not there.
            let path = try await workflows.run([
                Node.write("a", "a.txt", "1"), Node.read("b", "missing.txt", after: ["a"]),
                Node.write("c", "c.txt", Node.output("b"), after: ["b"]),
            ])
            let paused = await workflows.get(path)
            #expect(paused["status"] == "paused" && paused["pause_reason"] == "escalated", "\(paused)")
            #expect(paused["steps_completed"] == 1 && paused["steps_failed"] == 1)
            let step = await workflows.step("b", of: path)
            #expect(step?["attempts"] == 3 && step?["failure"] == "tool_error", "\(String(describing: step))")
            let types = await workflows.audited(path)
            #expect(types.count { $0 == "workflow.step_failed" } == 3)
            #expect(types.count { $0 == "agent.replaced" } == 2 && types.last == "workflow.paused")
            let decisions = (await workflows.get("\(path)/audit")["entries"]?.array ?? [])
                .filter { $0["event_type"] == "workflow.recovery_triggered" }.compactMap { $0["decision"]?.string }
            #expect(decisions == ["swap_agent", "swap_agent", "escalate"])
            // A step has succeeded, so the credit is spent.
            #expect(await workflows.levels() == [9, 1, 0])

            let resumed = await workflows.post("\(path)/resume")
            #expect(resumed.status == 200 && resumed["message"] == "Workflow resume requested", "\(resumed)")
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["status"] == "paused")
            #expect(await workflows.step("b", of: path)?["attempts"] == 6)
            #expect(await workflows.step("a", of: path)?["attempts"] == 1)
            #expect(await workflows.delete(path).status == 200)
            #expect(await workflows.levels() == [9, 1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a paused workflow starts no step, and goes on where it was`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytes("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")) {
            server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([
                    Node.write("a", "a.txt", "1"), Node.request("b", server.url, after: ["a"]),
                    Node.write("c", "c.txt", "2", after: ["b"]),
                ])
                // The first attempt has failed, and the second is a second away.
                #expect(await workflows.get(path)["status"] == "running")
                #expect(await workflows.step("b", of: path)?["failure"] == "transient")
                let paused = await workflows.post("\(path)/pause")
                #expect(paused.status == 200 && paused["status"] == "paused", "\(paused)")
                workflows.app.clock.advance(by: .seconds(5))
                try await workflows.app.runJobs()
                #expect(server.requests.count == 1)
                #expect(await workflows.get(path)["pause_reason"] == "requested")
                #expect(await workflows.post("\(path)/resume").status == 200)
                try await workflows.app.runJobs()
                #expect(server.requests.count == 2)
                // 1 s after the first attempt, 2 s after the second, and no fourth one.
                workflows.app.clock.advance(by: .seconds(1))
                try await workflows.app.runJobs()
                #expect(server.requests.count == 2)
                workflows.app.clock.advance(by: .seconds(1))
                try await workflows.app.runJobs()
                #expect(server.requests.count == 3)
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a budget stops a workflow before the step that exceeds it`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let refused = await workflows.submit(
                nodes: [Node.write("a", "a.txt", "1", micros: 600)], ["budget": 0.0005])
            #expect(refused.status == 422 && refused.text.contains("the budget is 0.0005 USD"), "\(refused)")
            // The first two cost more than they were estimated at: what they cost is reserved.
            let nodes = [
                Node.write("a", "a.txt", "1", micros: 0), Node.write("b", "b.txt", "2", after: ["a"], micros: 0),
                Node.write("c", "c.txt", "3", after: ["b"], micros: 50),
            ]
            let path = try await workflows.run(nodes, ["budget": 0.0002])
            let failed = await workflows.get(path)
            #expect(failed["status"] == "failed" && failed["error_code"] == "budget-exceeded", "\(failed)")
            #expect(failed["cost"]?.number == 0.0002 && failed["steps_completed"] == 2)
            #expect(await workflows.step("c", of: path)?["status"] == "cancelled")
            #expect(await workflows.levels() == [9, 1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a workflow that has failed is submitted again as a new one`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let accepted = await workflows.submit("and and and")
            let path = try #require(accepted.headers["location"])
            #expect(await workflows.post("\(path)/retry").status == 409)
            try await workflows.app.runJobs()
            #expect(await workflows.levels() == [10, 0, 0])
            let retried = await workflows.post("\(path)/retry")
            #expect(retried.status == 202 && retried["workflow_id"] != accepted["workflow_id"], "\(retried)")
            #expect(retried["message"]?.string?.hasSuffix("remaining: 9") == true)
            try await workflows.app.runJobs()
            #expect(await workflows.levels() == [10, 0, 0])
            #expect(await workflows.get("/v1/workflows")["total"] == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `of steps that can run, as many run at once as the plan has agents`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run((1...7).map { Node.write("n\($0)", "\($0).txt", "x") })
            #expect(await workflows.get(path)["status"] == "completed")
            var (working, most) = (0, 0)
            for type in await workflows.messages(path).compactMap({ $0["type"]?.string }) {
                working += type == "agent.spawned" ? 1 : type == "agent.retired" ? -1 : 0
                most = max(most, working)
            }
            #expect(working == 0 && most == 2)
            #expect(await workflows.get("\(path)/agents")["agents"]?.array?.count == 7)
        }
    }

    @Test(arguments: Engine.available)
    func `a workflow ends when its account is closed`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let accepted = await workflows.submit(nodes: [Node.write("a", "a.txt", "1")])
            let id = accepted["workflow_id"]?.string ?? ""
            try await workflows.app.app.identity.accounts.suspend(workflows.person.id)
            #expect(try await workflows.count("workflows WHERE id = \(id) AND state = 'cancelled'") == 1)
            try await workflows.app.runJobs()
            #expect(try await workflows.count("workflow_steps") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the daily job deletes workflows with their files 90 days after their end`(engine: Engine) async throws {
        try await withWorkflows(engine, change: { $0.accessTokenLifetime = .days(800) }) { workflows in
            let path = try await workflows.run([Node.write("a", "a.txt", "1")])
            #expect(await workflows.get("\(path)/files")["files"]?.array?.count == 1)
            workflows.app.clock.advance(by: .days(91))
            try await workflows.app.runJobs()
            #expect(await workflows.get(path).status == 404)
            for table: SQL in ["workflows", "workflow_steps", "workflow_agents", "workflow_files"] {
                #expect(try await workflows.count(table) == 0)
            }
        }
    }
}
