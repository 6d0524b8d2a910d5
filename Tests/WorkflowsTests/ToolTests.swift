import App
import Base
import Modules
import TestKit
import Testing

@Suite struct ToolTests {
    private static let sales = "region,amount\nnorth,10.10\nsouth,5\nnorth,0.20\n"

    @Test(arguments: Engine.available)
    func `a table of the context is filtered, summed and written to a file`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run(
                [
                    Node.read("read", "sales.csv"),
                    Node.make(
                        "sum", "csv_transform", "data",
                        [
                            "input": Node.output("read"), "operation": "aggregate", "function": "sum",
                            "column": "amount", "group_by": "region",
                        ], after: ["read"], criteria: [["kind": "rows_at_least", "value": 2]]),
                    Node.make(
                        "json", "csv_transform", "data", ["input": Node.output("sum"), "operation": "convert"],
                        after: ["sum"], criteria: [["kind": "valid_json"]]),
                    Node.write("write", "out/sums.json", Node.output("json"), after: ["json"]),
                    Node.make("list", "list_directory", "files", [:], after: ["write"]),
                ], ["context": ["files": ["sales.csv": .string(Self.sales)]]])
            let done = await workflows.get(path)
            let steps = await workflows.get("\(path)/steps")
            #expect(done["status"] == "completed", "\(done) \(steps)")
            #expect(await workflows.output("sum", of: path) == "region,sum_amount\nnorth,10.3\nsouth,5\n")
            #expect(await workflows.output("list", of: path) == "out/sums.json\nsales.csv")
            let file = await workflows.get("\(path)/files/content?path=out/sums.json")
            #expect(file.status == 200, "\(file)")
            // The cells of CSV are texts.
            #expect(file.json[0]?["region"] == "north" && file.json[0]?["sum_amount"] == "10.3", "\(file)")
            #expect(await workflows.get("\(path)/files/content?path=../a").code == "workflow-file-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `an e-mail goes once to the owner, and not to an address that is not verified`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let owner = workflows.person.email
            func mail(_ recipient: String) -> JSONValue {
                Node.make(
                    "mail", "send_email", "mail",
                    ["to": [.string(recipient)], "subject": "The report", "text": "Line one\nLine two"])
            }
            for recipient in ["me", owner.uppercased()] {
                let path = try await workflows.run([mail(recipient)])
                let steps = await workflows.get("\(path)/steps")
                #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
            }
            let received = try await workflows.app.mail(to: owner).filter { $0.subject == "The report" }
            #expect(received.count == 2 && received.allSatisfy { $0.text.contains("Line one\nLine two") })

            let stranger = try await workflows.app.register("stranger")
            for recipient in [stranger.email, "missing@example.org"] {
                let path = try await workflows.run([mail(recipient)])
                #expect(await workflows.step("mail", of: path)?["failure"] == "policy_violation")
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
                #expect(try await workflows.app.mail(to: recipient).allSatisfy { $0.subject != "The report" })
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a request is sent to a public address alone, and one that changes something once`(engine: Engine) async throws
    {
        try await ScriptedServer.with(.bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) { server in
            try await withWorkflows(engine) { workflows in
                let path = try await workflows.run([Node.request("get", server.url)])
                let step = await workflows.step("get", of: path)
                #expect(step?["failure"] == "policy_violation" && step?["attempts"] == 1, "\(String(describing: step))")
                #expect(server.requests.isEmpty)
            }
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([
                    Node.request("get", server.url),
                    Node.request("post", server.url, "POST", body: "data", after: ["get"]),
                ])
                let steps = await workflows.get("\(path)/steps")
                #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
                #expect(await workflows.output("post", of: path) == "hello")
                let posts = server.requests.filter { $0.hasPrefix("POST") }
                #expect(posts.count == 1 && posts[0].lowercased().contains("idempotency-key: "))
                #expect(try await workflows.count("workflow_effects WHERE state = 'done'") == 1)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a request without a response is not repeated by itself`(engine: Engine) async throws {
        try await ScriptedServer.with(.close, .bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([Node.request("post", server.url, "POST", body: "data")])
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
                #expect(await workflows.step("post", of: path)?["failure"] == "unknown")
                #expect(server.requests.count == 1)
                // No step has succeeded, and the workflow is not over: its credit stays reserved.
                #expect(await workflows.levels() == [9, 0, 1])
                #expect(await workflows.post("\(path)/resume").status == 200)
                try await workflows.app.runJobs()
                #expect(await workflows.get(path)["status"] == "completed")
                #expect(server.requests.count == 2)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a step that runs again after a crash does not repeat a request that was under way`(engine: Engine)
        async throws
    {
        try await ScriptedServer.with(.bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([Node.request("post", server.url, "POST", body: "data")])
                #expect(server.requests.count == 1)
                // As a process leaves it that ends between the response and the end of the step.
                try await workflows.database.write { transaction in
                    try transaction.execute(
                        """
                        UPDATE workflow_agents
                        SET state = 'working', ended_at = NULL, cost = NULL, estimated_cost = NULL
                        WHERE state = 'retired'
                        """)
                    try transaction.execute("DELETE FROM workflow_costs")
                    try transaction.execute("UPDATE workflow_effects SET output = 'ok'")
                    try transaction.execute("UPDATE workflow_steps SET cost = 0, milliseconds = 0")
                    try transaction.execute(
                        """
                        UPDATE workflow_steps SET state = 'running', output = NULL, output_status = NULL,
                            finished_at = NULL, job_id = (SELECT id FROM jobs WHERE kind = 'workflows.step'),
                            agent_id = (SELECT id FROM workflow_agents)
                        """)
                    try transaction.execute(
                        """
                        UPDATE workflows SET state = 'running', finished_at = NULL, steps_completed = 0,
                            confidence_sum = 0, cost = 0
                        """)
                    try transaction.execute(
                        """
                        UPDATE jobs SET state = 'available', finished_at = NULL WHERE kind = 'workflows.step'
                        """)
                }
                try await workflows.app.runJobs()
                let steps = await workflows.get("\(path)/steps")
                #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
                #expect(await workflows.output("post", of: path) == "ok")
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a workflow within another one shares its folder, its budget and its credit`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run([
                Node.write("a", "a.txt", "1"),
                Node.make("inner", "sub_workflow", "scheduling", ["intent": "and and and"], after: ["a"]),
            ])
            let outer = await workflows.get(path)
            #expect(outer["status"] == "paused" && outer["pause_reason"] == "escalated", "\(outer)")
            #expect(try await workflows.count("workflows WHERE depth = 1 AND state = 'failed'") == 1)
            #expect(await workflows.get("/v1/workflows")["total"] == 1)
            #expect(await workflows.levels() == [9, 1, 0])
            // A resumed step begins another workflow.
            #expect(await workflows.post("\(path)/resume").status == 200)
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            #expect(try await workflows.count("workflows WHERE depth = 1 AND state = 'failed'") == 2)
            try await workflows.requireInvariants()
        }
    }
}
