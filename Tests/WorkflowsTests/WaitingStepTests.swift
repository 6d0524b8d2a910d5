import App
import Base
import Modules
import TestKit
import Testing

/// Steps that wait for a person.
@Suite struct WaitingStepTests {
    @Test(arguments: Engine.available)
    func `a step names the workflow within it, which can be seen and resumed`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run([
                Node.make("inner", "sub_workflow", "scheduling", ["intent": "Read missing.csv and e-mail it to me"])
            ])
            let step = await workflows.step("inner", of: path)
            #expect(step?["status"] == "waiting", "\(String(describing: step))")
            let child = "/v1/workflows/\(step?["sub_workflow_id"]?.string ?? "")"
            #expect(await workflows.get(child)["status"] == "paused")
            #expect(await workflows.post("\(child)/resume").status == 200)
            #expect(await workflows.delete(child).status == 200)
            #expect(await workflows.get(path)["status"] == "paused")
        }
    }

    @Test(arguments: Engine.available)
    func `many questions of a workflow are mailed one after the other`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run(
                (1...12).map { Node.request("n\($0)", "https://shop.example.org/orders/\($0)", "DELETE") })
            func mails() async throws -> [String] {
                try await workflows.app.mail(to: workflows.person.email)
                    .filter { $0.subject.contains("needs your consent") }.map(\.text)
            }
            let asked = await workflows.get("\(path)/approvals")["approvals"]?.array ?? []
            #expect(asked.count == 12)
            #expect(try await mails().count == 1)
            // An answer is followed by the next question.
            let token = workflows.person.token
            let mailed = try await workflows.database.read { transaction in
                try transaction.first("SELECT id FROM workflow_approvals WHERE is_mailed = 1") {
                    try $0["id"] as String
                }
            }
            let first = try #require(mailed)
            let answered = await workflows.app.call(
                "POST", "\(path)/approvals/\(first)", json: ["approve": true], token: token)
            #expect(answered.status == 200, "\(answered)")
            #expect(try await workflows.count("workflow_approvals WHERE is_mailed = 1") == 2)
            #expect(await workflows.delete(path).status == 200)
            try await workflows.app.runJobs()
            #expect(try await mails().count == 2)
        }
    }
}
