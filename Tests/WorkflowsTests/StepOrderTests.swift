import App
import Base
import Modules
import TestKit
import Testing

@Suite struct StepOrderTests {
    @Test(arguments: Engine.available)
    func `steps that fail again and again do not keep others from their first attempt`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            // The plan has two agents, and both of the first steps pause the workflow each time.
            let path = try await workflows.run(
                ["a", "b"].map { Node.read($0, "missing.txt") } + ["c", "d"].map { Node.write($0, "\($0).txt", "x") })
            #expect(await workflows.get(path)["pause_reason"] == "escalated")
            #expect(await workflows.post("\(path)/resume").status == 200)
            try await workflows.app.runJobs()
            for id in ["c", "d"] {
                let step = await workflows.step(id, of: path)
                #expect(step?["status"] == "succeeded" && step?["attempts"] == 1, "\(String(describing: step))")
            }
        }
    }
}
