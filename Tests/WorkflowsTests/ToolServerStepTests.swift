import App
import Base
import Modules
import TestKit
import Testing

/// The tool `mcp_call`.
@Suite struct ToolServerStepTests {
    private func withServer(
        _ engine: Engine, _ body: @Sendable (WorkflowsFixture, TestToolServer) async throws -> Void
    ) async throws {
        try await TestToolServer.with { server in
            try await withWorkflows(
                engine,
                change: {
                    $0.outboundPrivateNetworks = ["127.0.0.1"]
                    $0.accessTokenLifetime = .days(800)
                }
            ) { workflows in
                try await workflows.app.put(workflows.person, on: "enterprise")
                let added = await workflows.app.call(
                    "POST", "/v1/mcp/config/servers", json: ["name": "files", "url": .string(server.url)],
                    token: workflows.person.token)
                guard added["status"] == "running" else { throw UnexpectedResponse(added) }
                try await body(workflows, server)
            }
        }
    }

    private func step(_ id: String, _ tool: String, _ arguments: JSONValue, after: [String] = []) -> JSONValue {
        Node.make(
            id, "mcp_call", "integrations", ["server": "files", "tool": .string(tool), "arguments": arguments],
            after: after)
    }

    @Test(arguments: Engine.available)
    func `a tool that only reads is called, and its output is that of the step`(engine: Engine) async throws {
        try await withServer(engine) { workflows, server in
            let path = try await workflows.run(
                [
                    Node.read("in", "in.txt"), step("call", "echo", ["text": Node.output("in")], after: ["in"]),
                    Node.write("out", "out.txt", Node.output("call"), after: ["call"]),
                ], ["context": ["files": ["in.txt": "hello"]]])
            let steps = await workflows.get("\(path)/steps")
            #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
            #expect(await workflows.output("call", of: path) == "hello")
            #expect(try await workflows.count("audit_events WHERE action = 'mcp-tool.called'") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `another tool is called after a person has consented, once`(engine: Engine) async throws {
        try await withServer(engine) { workflows, server in
            let path = try await workflows.run([step("call", "remove", ["path": "a"])])
            #expect(await workflows.step("call", of: path)?["status"] == "awaiting_approval")
            let question = await workflows.get("\(path)/approvals")["approvals"]?[0]?["question"]?.string ?? ""
            #expect(question.contains("remove") && question.contains(#"{"path":"a"}"#), "\(question)")
            #expect(server.calls.isEmpty)
            try await workflows.approve(path)
            #expect(await workflows.get(path)["status"] == "completed")
            #expect(await workflows.output("call", of: path) == "done" && server.calls.count == 1)
            #expect(try await workflows.count("workflow_effects WHERE kind = 'mcp_call' AND state = 'done'") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a consent is to the tool of that server, and to no other of its name`(engine: Engine) async throws {
        try await withServer(engine) { workflows, server in
            let path = try await workflows.run([step("call", "remove", ["path": "a"])])
            let token = workflows.person.token
            let removed = await workflows.app.call("DELETE", "/v1/mcp/config/servers/files", token: token)
            #expect(removed.status == 204, "\(removed)")
            try await TestToolServer.with { other in
                let added = await workflows.app.call(
                    "POST", "/v1/mcp/config/servers", json: ["name": "files", "url": .string(other.url)], token: token)
                #expect(added["status"] == "running", "\(added)")
                try await workflows.approve(path)
                #expect(other.calls.isEmpty)
                #expect(await workflows.step("call", of: path)?["status"] == "awaiting_approval")
                let asked = await workflows.get("\(path)/approvals")["approvals"]?.array ?? []
                #expect(Set(asked.map { $0["state"] }) == ["pending", "approved"] && asked.count == 2)
                try await workflows.approve(path)
                #expect(await workflows.get(path)["status"] == "completed")
                #expect(other.calls.count == 1)
            }
            #expect(server.calls.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `a tool that fails fails the step, and one that may have run is not called again`(engine: Engine) async throws
    {
        try await withServer(engine) { workflows, server in
            server.answer(["content": [["type": "text", "text": "no such file"]], "isError": true])
            let failed = try await workflows.run([step("call", "echo", [:])])
            let step = await workflows.step("call", of: failed)
            #expect(step?["failure"] == "tool_error", "\(String(describing: step))")
            #expect(step?["error"]?.string?.contains("no such file") == true)

            let before = server.calls.count
            server.answer(["content": "nonsense"])
            let path = try await workflows.run([self.step("call", "remove", [:])])
            try await workflows.approve(path)
            let unknown = await workflows.step("call", of: path)
            #expect(
                unknown?["failure"] == "unknown" && server.calls.count == before + 1, "\(String(describing: unknown))")

            let missing = try await workflows.run([self.step("call", "nothing", [:])])
            #expect(await workflows.step("call", of: missing)?["failure"] == "tool_error")
        }
    }
}
