import App
import Base
import Modules
import TestKit
import Testing

/// Random requests, and jobs that are interrupted at random statements, beside a plain model of what has to come of
/// them.
@Suite struct WorkflowWalkTests {
    /// What the model knows of a workflow.
    private struct Expected {
        enum Kind: CaseIterable { case good, bad, unclear }

        let path: String
        let kind: Kind
        var isCancelled = false
        var isPaused = false

        /// The state in which it ends, or stays.
        var state: String {
            if isCancelled { return "cancelled" }
            if kind == .unclear { return "failed" }
            if isPaused || kind == .bad { return "paused" }
            return "completed"
        }
    }

    @Test(arguments: Engine.available)
    func `workflows end as a plain model says, whatever is requested and interrupted`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withWorkflows(
            engine, databaseWrapper: faults.wrap, change: { $0.accessTokenLifetime = .days(800) }
        ) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            var random = SplitMix(seed: 14)
            var expected: [Expected] = []
            for round in 0..<TestScale.rounds(1_000) {
                try await Self.act(on: workflows, &expected, faults, &random)
                if round % 20 == 19 { try await workflows.requireInvariants() }
            }
            // Jobs that were interrupted run again after their waits.
            for _ in 0..<12 {
                try await workflows.app.runJobs()
                workflows.app.clock.advance(by: .minutes(1))
            }
            for workflow in expected {
                let view = await workflows.get(workflow.path)
                #expect(view["status"] == .string(workflow.state), "\(workflow) \(view)")
            }
            let settled = try await workflows.count("workflows WHERE settlement = 'committed'")
            let held = try await workflows.count("workflows WHERE settlement = 'held'")
            #expect(await Array(workflows.levels().dropFirst()) == [settled, held])
        }
    }

    private static func act(
        on workflows: WorkflowsFixture, _ expected: inout [Expected], _ faults: UnavailableDatabase.Switch,
        _ random: inout SplitMix
    ) async throws {
        let index = expected.indices.randomElement(using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: expected.append(try await submit(Expected.Kind.allCases.randomElement(using: &random), workflows))
        case 3:
            guard let index else { return }
            if await workflows.delete(expected[index].path).status == 200 { expected[index].isCancelled = true }
        case 4:
            guard let index else { return }
            if await workflows.post("\(expected[index].path)/pause").status == 200 { expected[index].isPaused = true }
        case 5:
            guard let index else { return }
            if await workflows.post("\(expected[index].path)/resume").status == 200 { expected[index].isPaused = false }
        case 6, 7:
            let number = Int.random(in: 1...120, using: &random)
            _ = try? await faults.failStatement(number) { try await workflows.app.runJobs() }
        default: workflows.app.clock.advance(by: .seconds(Int64.random(in: 1...40, using: &random)))
        }
    }

    private static func submit(_ kind: Expected.Kind?, _ workflows: WorkflowsFixture) async throws -> Expected {
        let kind = kind ?? .good
        let nodes =
            kind == .bad
            ? [Node.write("a", "a.txt", "1"), Node.read("b", "missing", after: ["a"])]
            : [
                Node.write("a", "a.txt", "1"), Node.read("b", "a.txt", after: ["a"]),
                Node.write("c", "c.txt", "2"), Node.write("d", "d.txt", Node.output("b"), after: ["b", "c"]),
            ]
        let accepted = kind == .unclear ? await workflows.submit("and and and") : await workflows.submit(nodes: nodes)
        guard accepted.status == 202, let path = accepted.headers["location"] else {
            throw UnexpectedResponse(accepted)
        }
        return Expected(path: path, kind: kind)
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
