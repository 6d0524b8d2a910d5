import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@Suite struct WorkflowErasureTests {
    @Test(arguments: Engine.available)
    func `an erasure removes contents that no file has`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            // The content is stored, and the step fails at its criterion: no row names it.
            let path = try await workflows.run([
                Node.write("a", "a.txt", "secret", criteria: [["kind": "contains", "value": "missing"]])
            ])
            #expect(await workflows.get("\(path)/files")["files"]?.array?.isEmpty == true)
            let id = await workflows.get(path)["workflow_id"]?.string ?? "missing"
            let folder = "\(workflows.app.app.configuration.dataFolder)/files/workflows/\(id)"
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
            let asked = await workflows.app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(workflows.person.password)],
                token: workflows.person.token)
            #expect(asked.status == 202, "\(asked)")
            workflows.app.clock.advance(by: .days(15))
            for _ in 0..<4 {
                try await workflows.app.runJobs()
                workflows.app.clock.advance(by: .hours(1))
            }
            #expect(try await workflows.count("workflows") == 0)
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }
}
