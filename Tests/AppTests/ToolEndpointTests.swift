import App
import Base
import Modules
import TestKit
import Testing

/// This server's own endpoint of the Model Context Protocol.
@Suite struct ToolEndpointTests {
    private func send(
        _ method: String, _ params: JSONValue? = nil, token: String?, headers: [String: String] = [:], in app: TestApp
    ) async -> TestResponse {
        var body: [String: JSONValue] = ["jsonrpc": "2.0", "id": 1, "method": .string(method)]
        body["params"] = params
        return await app.call("POST", "/v1/mcp", json: .object(body), token: token, headers: headers)
    }

    private func call(_ tool: String, _ arguments: JSONValue, token: String, in app: TestApp) async -> TestResponse {
        await send("tools/call", ["name": .string(tool), "arguments": arguments], token: token, in: app)
    }

    /// The JSON that a tool has answered.
    private func content(_ response: TestResponse) -> JSONValue {
        let text = response["result"]?["content"]?[0]?["text"]?.string ?? ""
        return (try? JSONValue(parsing: text.utf8)) ?? .null
    }

    @Test(arguments: Engine.available)
    func `tools are routes: their requirements, validation and effects are the same`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("owner")
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).status == 201)
            let initialized = await send(
                "initialize", ["protocolVersion": "2025-06-18", "capabilities": [:]], token: person.token, in: app)
            #expect(initialized["result"]?["protocolVersion"] == "2025-06-18", "\(initialized)")
            #expect(initialized["id"] == 1 && initialized.headers["mcp-session-id"] == nil)
            let note = await app.call(
                "POST", "/v1/mcp", json: ["jsonrpc": "2.0", "method": "notifications/initialized"], token: person.token)
            #expect(note.status == 202 && note.bytes.isEmpty)
            #expect(await send("ping", token: person.token, in: app)["result"] == [:])

            let tools = await send("tools/list", token: person.token, in: app)["result"]?["tools"]?.array ?? []
            let names = tools.compactMap { $0["name"]?.string }
            #expect(
                names == [
                    "get_usage", "get_workflow", "get_workflow_step", "list_training_sessions", "list_workflow_steps",
                    "list_workflows", "predict", "search_messages", "submit_intent",
                ])
            let submit = tools.first { $0["name"] == "submit_intent" }
            #expect(submit?["inputSchema"]?["required"] == ["intent"], "\(String(describing: submit))")
            #expect(submit?["inputSchema"]?["properties"]?["idempotency_key"] != nil)
            #expect(tools.first { $0["name"] == "get_usage" }?["annotations"]?["readOnlyHint"] == true)

            #expect(content(await call("list_workflows", [:], token: person.token, in: app))["total"] == 0)
            let submitted = await call(
                "submit_intent", ["intent": "Write hello to a.txt"], token: person.token, in: app)
            #expect(submitted["result"]?["isError"] == false, "\(submitted)")
            let listed = content(await call("list_workflows", ["limit": 1], token: person.token, in: app))
            #expect(listed["total"] == 1, "\(listed)")
            let usage = await app.call("GET", "/v1/usage", token: person.token)
            #expect(content(await call("get_usage", [:], token: person.token, in: app)) == usage.json)
            #expect(usage["meters"]?["workflows"]?["held"] == 1)

            // Refusals of the route are errors of the tool.
            for (tool, arguments, code) in [
                ("list_workflows", ["limit": 1_000], "validation-failed"),
                ("list_workflows", ["x": 1], "validation-failed"),
                ("submit_intent", [:], "validation-failed"), ("get_workflow", [:], "validation-failed"),
                ("get_workflow", ["workflow_id": "../usage"], "not-found"),
                ("predict", ["session": "x"], "feature-not-available"),
            ] as [(String, JSONValue, String)] {
                let refused = await call(tool, arguments, token: person.token, in: app)
                #expect(refused.status == 200 && refused["result"]?["isError"] == true, "\(tool): \(refused)")
                #expect(content(refused)["code"] == .string(code), "\(tool) \(arguments): \(refused)")
            }
            #expect(await call("nothing", [:], token: person.token, in: app)["error"]?["code"] == -32_602)
            #expect(await send("resources/list", token: person.token, in: app)["error"]?["code"] == -32_601)
        }
    }

    @Test(arguments: Engine.available)
    func `a caller needs a credential, and a key the scopes of the endpoint and of the tool`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("pro")
            let anonymous = await send("ping", token: nil, in: app)
            #expect(anonymous.status == 401 && anonymous.code == "missing-authorization", "\(anonymous)")
            #expect(anonymous["jsonrpc"] == "2.0" && anonymous["error"]?["message"] != nil)
            let narrow = try await app.apiKey(of: person, ["mcp"])
            let list = await send(
                "tools/call", ["name": "list_workflows"], token: nil, headers: ["X-API-Key": narrow.text], in: app)
            #expect(content(list)["code"] == "insufficient-scope", "\(list)")
            let wide = try await app.apiKey(of: person, ["mcp", "workflows"])
            let allowed = await send(
                "tools/call", ["name": "list_workflows"], token: nil, headers: ["X-API-Key": wide.text], in: app)
            #expect(content(allowed)["total"] == 0, "\(allowed)")
            let other = try await app.apiKey(of: person, ["workflows"])
            let refused = await send("ping", token: nil, headers: ["X-API-Key": other.text], in: app)
            #expect(refused.status == 403 && refused.code == "insufficient-scope", "\(refused)")
            for body: JSONValue in [[:], [], ["jsonrpc": "1.0", "id": 1, "method": "ping"]] {
                let invalid = await app.call("POST", "/v1/mcp", json: body, token: person.token)
                #expect(invalid["error"]?["code"] == -32_600 && [400, 422].contains(invalid.status), "\(invalid)")
            }
            #expect(await app.call("GET", "/v1/mcp", token: person.token).status == 405)
        }
    }

    @Test func `requests without a handshake carry their version, and header fields that repeat the body`() async throws
    {
        try await withTestApp(.sqlite) { app in
            let person = try await app.subscriber("pro")
            let meta: JSONValue = ["io.modelcontextprotocol/protocolVersion": "2026-07-28"]
            func send(_ method: String, _ more: [String: JSONValue] = [:], _ headers: [String: String]) async
                -> TestResponse
            {
                await self.send(
                    method, .object(more.merging(["_meta": meta]) { $1 }), token: person.token,
                    headers: ["MCP-Protocol-Version": "2026-07-28"].merging(headers) { $1 }, in: app)
            }
            let discovered = await send("server/discover", [:], ["Mcp-Method": "server/discover"])
            #expect(
                discovered["result"]?["supportedVersions"]?.array?.first == "2026-07-28"
                    && discovered["result"]?["resultType"] == "complete", "\(discovered)")
            let called = await send(
                "tools/call", ["name": "list_workflows"], ["Mcp-Method": "tools/call", "Mcp-Name": "list_workflows"])
            #expect(called["result"]?["isError"] == false, "\(called)")
            let cases: [([String: String], Int64)] = [
                (["Mcp-Method": "tools/list", "Mcp-Name": "list_workflows"], -32_020),
                (["Mcp-Method": "tools/call", "Mcp-Name": "get_usage"], -32_020),
                (["Mcp-Method": "tools/call"], -32_020),
                (["MCP-Protocol-Version": "2025-11-25", "Mcp-Method": "tools/call"], -32_020),
            ]
            for (headers, code) in cases {
                let refused = await send("tools/call", ["name": "list_workflows"], headers)
                #expect(refused.status == 400 && refused["error"]?["code"] == .integer(code), "\(headers): \(refused)")
                #expect(refused["id"] == 1)
            }
            let unknown = await send("initialize", [:], ["Mcp-Method": "initialize"])
            #expect(unknown.status == 404 && unknown["error"]?["code"] == -32_601, "\(unknown)")
            let old = await self.send(
                "ping", token: person.token, headers: ["MCP-Protocol-Version": "1999-01-01"], in: app)
            #expect(old.status == 400 && old["error"]?["code"] == -32_022, "\(old)")
            #expect(old["error"]?["data"]?["requested"] == "1999-01-01")
        }
    }
}
