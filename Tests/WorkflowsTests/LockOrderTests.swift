import App
import Base
import Identity
import Modules
import TestKit
import Testing

/// The order in which transactions of workflows lock rows. With one order for all of them, PostgreSQL has no deadlocks
/// to resolve.
@Suite struct LockOrderTests {
    /// The tables whose rows are locked, in their order. Docs: the module's page. Lots and holds of credits are locked
    /// under the ledger's account, in any order.
    private static let order = [
        "people", "organisations", agents, "ledger_accounts", "reservations", "buckets", "topics",
    ]
    private static let agents = "concurrency_locks"

    /// The tables whose rows change under the lock of the agents.
    private static let locked: Set = [
        "workflows", "workflow_steps", "workflow_agents", "workflow_approvals", "workflow_files",
    ]

    /// SQLite has one writer and no row locks.
    private static var engines: [Engine] { Engine.available.filter { $0 == .postgres } }

    private static let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    private static let files: JSONValue = ["files": ["a.txt": "one"]]

    @Test(arguments: engines)
    func `every transaction of a workflow locks the agents before everything that others wait for`(engine: Engine)
        async throws
    {
        let recorder = LockRecorder()
        try await ScriptedServer.with(.bytes(Self.response)) { server in
            try await withWorkflows(
                engine, databaseWrapper: recorder.wrap,
                change: {
                    $0.outboundPrivateNetworks = ["127.0.0.1"]
                    $0.accessTokenLifetime = .days(800)
                }
            ) { workflows in
                try await Self.act(on: workflows, server)
                // Ended by the maintenance, by the suspension, and deleted.
                let paused = try await workflows.run([Node.read("a", "missing.txt")])
                workflows.app.clock.advance(by: .days(8))
                try await workflows.app.runJobs()
                #expect(await workflows.get(paused)["error_code"] == "paused-too-long")
                _ = await workflows.submit(nodes: [Node.write("a", "a.txt", "1")])
                try await workflows.app.app.identity.accounts.suspend(workflows.person.id)
                workflows.app.clock.advance(by: .days(100))
                try await workflows.app.runJobs()
                #expect(try await workflows.count("workflows") == 0)
            }
        }
        let transactions = recorder.transactions.filter { statements in
            statements.contains { LockRecorder.table(changedBy: $0).map(Self.locked.contains) == true }
        }
        #expect(transactions.count > 30)
        for statements in transactions {
            let changed = statements.map { LockRecorder.table(changedBy: $0) ?? "" }
            let first = changed.firstIndex { Self.locked.contains($0) } ?? 0
            #expect(changed[..<first].contains(Self.agents), "\(statements[first])")
            let locks = LockRecorder.tables(lockedBy: statements).filter(Self.order.contains)
            let places = locks.compactMap { Self.order.firstIndex(of: $0) }
            #expect(places == places.sorted(), "\(locks)")
        }
        let seen = Set(transactions.flatMap { LockRecorder.tables(lockedBy: $0) })
        #expect(seen.isSuperset(of: Self.order), "\(seen)")
    }

    /// Submission, plan, steps, their failures and their ends, questions, pauses, schedules, cancellation.
    private static func act(on workflows: WorkflowsFixture, _ server: ScriptedServer) async throws {
        _ = try await workflows.run(
            [
                Node.read("read", "a.txt"), Node.request("post", server.url, "POST", body: "data"),
                Node.make(
                    "mail", "send_email", "mail", ["to": ["me"], "subject": "Done", "text": Node.output("read")],
                    after: ["read", "post"]),
                Node.make("inner", "sub_workflow", "scheduling", ["intent": "list the files"], after: ["mail"]),
            ], ["context": files])
        for approves in [true, false] {
            let path = try await workflows.run([Node.request("delete", server.url, "DELETE")])
            let asked = await workflows.get("\(path)/approvals")["approvals"]?[0]?["approval_id"]?.string
            _ = await workflows.app.call(
                "POST", "\(path)/approvals/\(asked ?? "")", json: ["approve": .bool(approves)],
                token: workflows.person.token)
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["status"] == (approves ? "completed" : "failed"))
        }
        let failing = try await workflows.run([Node.read("a", "missing.txt")])
        #expect(await workflows.post("\(failing)/resume").status == 200)
        #expect(await workflows.post("\(failing)/pause").status == 200)
        #expect(await workflows.delete(failing).status == 200)
        _ = await workflows.submit(
            "Every day",
            [
                "goal_graph": [
                    "nodes": [Node.write("a", "a.txt", "1")], "trigger": ["cron": "0 9 * * *", "time_zone": "UTC"],
                ]
            ])
        try await workflows.app.runJobs()
        workflows.app.clock.advance(by: .days(1))
        try await workflows.app.runJobs()
        #expect(await workflows.get("/v1/workflows")["total"] == 6)
    }

    @Test(arguments: engines)
    func `steps that end while workflows are submitted and cancelled need no retry`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            let nodes =
                (0..<4).map { Node.write("n\($0)", "\($0).txt", "x") } + [Node.read("last", "0.txt", after: ["n0"])]
            var paths: [String] = []
            for _ in 0..<8 {
                paths.append(try #require(await workflows.submit(nodes: nodes).headers["location"]))
            }
            let before = workflows.database.gauges["postgres_retries_total"]
            try await withThrowingTaskGroup(of: Void.self) { [paths] group in
                for _ in 0..<3 { group.addTask { try await workflows.app.runJobs() } }
                group.addTask {
                    for path in paths.dropFirst(4) {
                        _ = await workflows.submit(nodes: nodes)
                        _ = await workflows.delete(path)
                    }
                }
                try await group.waitForAll()
            }
            try await workflows.app.runJobs()
            #expect(before != nil && workflows.database.gauges["postgres_retries_total"] == before)
            #expect(try await workflows.count("workflows WHERE state IN ('completed', 'cancelled')") == 12)
        }
    }
}
