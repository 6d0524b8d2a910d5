import App
import Base
import Modules
import TestKit
import Testing

@Suite(.needsModels) struct ModelVerificationTests {
    private func decisions(_ entries: [JSONValue]) -> [String] { entries.compactMap { $0["decision"]?.string } }

    @Test(arguments: Engine.available)
    func `of two answers that are alike, the one with the higher confidence is taken`(engine: Engine) async throws {
        try await withModels(engine, hasFallback: true) { workflows, first, second in
            try await first.answer("The total is 42 euros.", confidence: 0.6)
            try await second.answer("the total is 42 Euros", confidence: 0.8)
            let path = try await workflows.run([Node.ask("ask", verify: true)])
            #expect(await workflows.output("ask", of: path) == "the total is 42 Euros")
            let step = await workflows.step("ask", of: path)
            #expect(step?["confidence"]?.number == 0.9 && step?["model"] == .string(second.name), "\(step ?? .null)")
            let verified = await workflows.entries("workflow.step_verified", of: path)
            #expect(verified.count == 1 && verified[0]["decision"] == "consensus", "\(verified)")
            #expect(verified[0]["facts"]?["similarity"] == "1" && verified[0]["confidence"]?.number == 0.8)
            #expect(verified[0]["reasoning"]?.string?.isEmpty == false)
            #expect(try await first.count() == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `answers that differ are tried again by other agents, and then a person decides`(engine: Engine) async throws {
        try await withModels(engine, hasFallback: true) { workflows, first, second in
            try await first.answer("Yes, all of them.", confidence: 0.9, times: nil)
            try await second.answer("No, none.", confidence: 0.8, times: nil)
            let path = try await workflows.run([Node.ask("ask", verify: true)])
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            let step = await workflows.step("ask", of: path)
            #expect(step?["attempts"] == 3 && step?["status"] == "failed", "\(step ?? .null)")
            #expect(step?["error"]?.string?.contains("0.725; 0.75 is required") == true, "\(step ?? .null)")
            let verified = await workflows.entries("workflow.step_verified", of: path)
            #expect(decisions(verified) == ["no_consensus", "no_consensus", "no_consensus"], "\(verified)")
            #expect(verified.allSatisfy { $0["confidence"]?.number == 0.45 })
            let recovery = await workflows.entries("workflow.recovery_triggered", of: path)
            #expect(decisions(recovery) == ["swap_agent", "swap_agent", "escalate"])
            let failed = await workflows.entries("workflow.step_failed", of: path)
            #expect(failed.allSatisfy { $0["reasoning"]?.string?.contains("0.75 is required") == true }, "\(failed)")
            // Both have answered as they were asked.
            #expect(try await workflows.reliability(of: first) == 100)

            try await second.script(["type": "fail", "status": 400, "times": 1])
            #expect(await workflows.post("\(path)/resume").status == 200)
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            let last = await workflows.entries("workflow.step_verified", of: path).suffix(3)
            #expect(decisions(Array(last)) == ["incomplete", "no_consensus", "no_consensus"], "\(last)")
        }
    }

    @Test(arguments: Engine.available)
    func `a refuted answer is not accepted, however sure the models are`(engine: Engine) async throws {
        try await withModels(engine, hasFallback: true) { workflows, first, second in
            try await first.answer("Yes, all of them.", confidence: 1, times: nil)
            try await second.answer("No, none.", confidence: 1, times: nil)
            let path = try await workflows.run([Node.ask("ask", verify: true)])
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            let step = await workflows.step("ask", of: path)
            #expect(step?["attempts"] == 3 && step?["status"] == "failed", "\(step ?? .null)")
        }
    }

    @Test(arguments: Engine.available)
    func `with one model an answer is not verified, and the trail says so`(engine: Engine) async throws {
        try await withModels(engine) { workflows, model, _ in
            try await model.answer("Yes.", confidence: 0.8)
            let path = try await workflows.run([Node.ask("ask", verify: true)])
            #expect(await workflows.step("ask", of: path)?["confidence"]?.number == 0.9)
            let verified = await workflows.entries("workflow.step_verified", of: path)
            #expect(decisions(verified) == ["not_verified"])
        }
    }

    @Test(arguments: Engine.available)
    func `an answer of low confidence is tried again, and accepted at the third try`(engine: Engine) async throws {
        try await withModels(engine) { workflows, model, _ in
            try await model.answer("Perhaps.", confidence: 0.3, times: nil)
            let path = try await workflows.run([Node.ask("ask")])
            #expect(await workflows.get(path)["status"] == "completed")
            #expect(await workflows.output("ask", of: path) == "Perhaps.")
            let step = await workflows.step("ask", of: path)
            // The mean of 0.3 and of one call of three, times 0.8.
            #expect(step?["attempts"] == 3 && step?["confidence"]?.number == 0.2533, "\(step ?? .null)")
            let recovery = await workflows.entries("workflow.recovery_triggered", of: path)
            #expect(decisions(recovery) == ["swap_agent", "swap_agent"])
        }
    }
}
