import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// Random requests, and jobs that are interrupted at random statements or whose process is killed, beside a plain model
/// that predicts the status of each response and the state after each action.
@Suite struct WorkflowWalkTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let actions =
        environment["GATEHOUSE_WORKFLOW_ACTIONS"].flatMap { Int($0) } ?? TestScale.rounds(4_000)
    private static let seed = environment["GATEHOUSE_SEED"].flatMap { UInt64($0) } ?? 14

    @Test(arguments: Engine.available)
    func `workflows, credits and units are as a plain model says, whatever is requested and interrupted`(engine: Engine)
        async throws
    {
        let faults = UnavailableDatabase.Switch()
        let responses = ["503 Service Unavailable", "200 OK"].map { "HTTP/1.1 \($0)\r\nContent-Length: 0\r\n\r\n" }
        try await ScriptedServer.with(.bytes(responses[0])) { busy in
            try await ScriptedServer.with(.bytes(responses[1])) { answering in
                try await withWorkflows(
                    engine, databaseWrapper: faults.wrap,
                    change: {
                        $0.accessTokenLifetime = .days(800)
                        $0.outboundPrivateNetworks = ["127.0.0.1"]
                    }
                ) { workflows in
                    var walk = WorkflowWalk(
                        workflows, faults, busy: busy.url, answering: answering.url, seed: Self.seed)
                    try await walk.run(Self.actions)
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a step whose process is killed three times waits for a person`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let accepted = await workflows.submit(nodes: [
                Node.write("a", "a.txt", "1"), Node.write("b", "b.txt", "2", after: ["a"]),
            ])
            let path = try #require(accepted.headers["location"])
            // The plan is made, and the job of the first step is in the queue.
            var jobs = 0
            while await workflows.step("a", of: path)?["status"] != "running", jobs < 20 {
                try await workflows.app.runJobs(atMost: 1)
                jobs += 1
            }
            // As three processes leave it that were killed with it.
            try await workflows.database.write { transaction in
                try transaction.execute(
                    """
                    UPDATE jobs SET state = 'leased', crash_count = 2, attempt = 3, fence = 3,
                        lease_until = \(transaction.now - .seconds(1))
                    WHERE kind = 'workflows.step'
                    """)
            }
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            let step = await workflows.step("a", of: path)
            #expect(step?["failure"] == "unknown" && step?["attempts"] == 1, "\(String(describing: step))")
            #expect(await workflows.levels() == [9, 0, 1])
            #expect(await workflows.post("\(path)/resume").status == 200)
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["status"] == "completed")
            #expect(await workflows.step("a", of: path)?["attempts"] == 2)
            #expect(await workflows.levels() == [9, 1, 0])
        }
    }

    @Test func `fifty workflows of five steps end right`() async throws {
        try await withWorkflows(.sqlite) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            let chain = (0..<5).map { number in
                Node.write("n\(number)", "\(number).txt", "x", after: number == 0 ? [] : ["n\(number - 1)"])
            }
            for _ in 0..<50 { #expect(await workflows.submit(nodes: chain).status == 202) }
            try await workflows.app.runJobs()
            #expect(try await workflows.count("workflows WHERE state = 'completed' AND steps_completed = 5") == 50)
            #expect(try await workflows.count("workflow_agents WHERE state = 'retired'") == 250)
        }
    }
}
