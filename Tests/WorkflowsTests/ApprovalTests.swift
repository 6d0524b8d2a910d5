import App
import Base
import Modules
import TestKit
import Testing

@Suite struct ApprovalTests {
    private static let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private func withQuestion(
        _ engine: Engine, _ body: @Sendable (WorkflowsFixture, ScriptedServer, _ path: String) async throws -> Void
    ) async throws {
        try await ScriptedServer.with(.bytes(Self.response)) { server in
            try await withWorkflows(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { workflows in
                let path = try await workflows.run([Node.request("delete", server.url, "DELETE")])
                #expect(await workflows.get(path)["status"] == "running")
                #expect(await workflows.step("delete", of: path)?["status"] == "awaiting_approval")
                #expect(server.requests.isEmpty)
                try await body(workflows, server, path)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a request that deletes something is sent after a person has consented`(engine: Engine) async throws {
        try await withQuestion(engine) { workflows, server, path in
            let asked = await workflows.get("\(path)/approvals")["approvals"]?[0]
            #expect(asked?["state"] == "pending" && asked?["question"]?.string?.contains("DELETE http") == true)
            let answer = "\(path)/approvals/\(asked?["approval_id"]?.string ?? "")"
            let other = try await workflows.app.register("other")
            let token = workflows.person.token
            let refused = await workflows.app.call("POST", answer, json: ["approve": true], token: other.token)
            #expect(refused.status == 403 && refused.code == "workflow-access-denied", "\(refused)")
            let answered = await workflows.app.call("POST", answer, json: ["approve": true], token: token)
            #expect(answered.status == 200 && answered["state"] == "approved", "\(answered)")
            let again = await workflows.app.call("POST", answer, json: ["approve": false], token: token)
            #expect(again.status == 409 && again.code == "workflow-state-conflict", "\(again)")
            try await workflows.app.runJobs()
            #expect(await workflows.get(path)["status"] == "completed")
            #expect(server.requests.count == 1)
            let types = await workflows.audited(path)
            #expect(types.contains("workflow.approval_requested") && types.contains("workflow.approval_answered"))
        }
    }

    @Test(arguments: Engine.available)
    func `the link of the e-mail answers the question once, by the form of its page`(engine: Engine) async throws {
        try await withQuestion(engine) { workflows, server, path in
            let mail = try await workflows.app.mail(to: workflows.person.email).last {
                $0.subject.contains("needs your consent")
            }
            let token = try #require(mail?.token)
            let page = await workflows.app.call("GET", "/v1/workflow-approval?token=\(token)")
            #expect(page.status == 200 && page.text.contains("DELETE http") && page.text.contains("<form"))
            #expect(await workflows.step("delete", of: path)?["status"] == "awaiting_approval")
            func answer(_ token: String) async -> TestResponse {
                await workflows.app.call(
                    "POST", "/v1/workflow-approvals",
                    body: ("application/x-www-form-urlencoded", Array("token=\(token)&decision=deny".utf8)))
            }
            #expect(await answer(token.dropLast() + (token.hasSuffix("A") ? "B" : "A")).status == 404)
            let denied = await answer(token)
            #expect(denied.status == 200 && denied["state"] == "denied", "\(denied)")
            #expect(await answer(token).status == 409)
            let failed = await workflows.get(path)
            #expect(failed["status"] == "failed" && failed["error_code"] == "approval-denied", "\(failed)")
            try await workflows.app.runJobs()
            #expect(server.requests.isEmpty)
            // No step has succeeded.
            #expect(await workflows.levels() == [10, 0, 0])
        }
    }
}
