import App
import Base
import Modules
import TestKit
import Testing

@Suite struct WorkflowPathTests {
    @Test(arguments: Engine.available)
    func `names that look alike are files of their own, and count towards the bound`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let names = (1...99).map { "\($0).txt" } + ["\u{E9}.txt"]
            let files = JSONValue.object(Dictionary(names.map { ($0, "x") }) { $1 })
            let path = try await workflows.run(
                [Node.write("a", "e\u{301}.txt", "y")], ["context": ["files": files]])
            #expect(await workflows.step("a", of: path)?["failure"] == "resource_exhaustion")
            #expect(await workflows.get("\(path)/files")["files"]?.array?.count == 100)
            // The same path is the same file.
            let other = try await workflows.run(
                [Node.write("a", "\u{E9}.txt", "y")], ["context": ["files": files]])
            #expect(await workflows.get(other)["status"] == "completed")
        }
    }
}
