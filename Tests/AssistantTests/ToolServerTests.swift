import App
import Base
import CommandSandbox
import Foundation
import Modules
import TestKit
import Testing

/// Tool servers and calls of their tools.
@Suite struct ToolServerTests {
    private func withServer(
        _ engine: Engine, _ era: TestToolServer.Era = .withoutHandshake,
        _ body: @Sendable (AssistantFixture, TestToolServer) async throws -> Void
    ) async throws {
        try await TestToolServer.with(era) { server in
            try await withAssistant(engine, change: { $0.outboundPrivateNetworks = ["127.0.0.1"] }) { assistant in
                try await body(assistant, server)
            }
        }
    }

    private func add(
        _ server: TestToolServer, _ name: String = "files", _ more: [String: JSONValue] = [:],
        to assistant: AssistantFixture
    ) async -> TestResponse {
        let body: [String: JSONValue] = ["name": .string(name), "url": .string(server.url)]
        return await assistant.post("/v1/mcp/config/servers", .object(body.merging(more) { $1 }))
    }

    private func call(
        _ tool: String, _ arguments: JSONValue, _ more: [String: JSONValue] = [:], in assistant: AssistantFixture,
        as other: TestPerson? = nil
    ) async -> TestResponse {
        let body: [String: JSONValue] = ["tool": .string(tool), "arguments": arguments]
        return await assistant.post("/v1/mcp/tools/call", .object(body.merging(more) { $1 }), as: other)
    }

    /// The details of the audit rows of an action, the oldest first.
    private func audited(_ action: String, _ assistant: AssistantFixture) async throws -> [JSONValue] {
        let texts: [String] = try await assistant.app.app.database.read { transaction in
            try transaction.all("SELECT details FROM audit_events WHERE action = \(action) ORDER BY id") {
                try $0["details"]
            }
        }
        return texts.compactMap { try? JSONValue(parsing: $0.utf8) }
    }

    /// The states of a call that the topic of its session has.
    private func events(of id: String, in session: String, _ assistant: AssistantFixture) async -> [String?] {
        let topic = await assistant.get("/v1/realtime/topics/assistant.\(session)?after=0")
        return (topic["messages"]?.array ?? []).filter { $0["data"]?["id"] == .string(id) }
            .map { $0["data"]?["status"]?.string }
    }

    @Test(arguments: Engine.available)
    func `a member adds a server, and calls a tool that only reads`(engine: Engine) async throws {
        try await withServer(engine) { assistant, server in
            let added = await add(server, "files", ["headers": ["Authorization": "Bearer s3cret"]], to: assistant)
            #expect(added.status == 201 && added["status"] == "running" && added["kind"] == "http", "\(added)")
            #expect(!added.text.contains("s3cret") && server.messages.last?.headers["authorization"] == "Bearer s3cret")
            let list = await assistant.get("/api/mcp/servers")
            #expect(list.json[0]?["name"] == "files" && list.json.array?.count == 1, "\(list)")
            let tools = await assistant.get("/v1/mcp/tools?server=files")["tools"]?.array ?? []
            #expect(tools.map { $0["name"] } == ["echo", "remove"])
            #expect(tools.map { $0["dangerous"] } == [false, true])

            let session = try await assistant.session()
            let result = await call("echo", ["text": "hello"], ["session_id": .string(session)], in: assistant)
            #expect(result.status == 200 && result["server"] == "files" && result["error"] == nil, "\(result)")
            #expect(result["result"]?["content"]?[0]?["text"] == "hello")
            let executions = await assistant.get("/v1/sessions/\(session)/tools?status=completed&tool_type=mcp")
            #expect(executions["total"] == 1 && executions["session_id"] == .string(session), "\(executions)")
            let execution = executions["executions"]?[0]
            #expect(execution?["tool_name"] == "echo" && execution?["input_params"] == ["text": "hello"])
            #expect(execution?["id"] == result["execution_id"] && execution?["is_reported"] == false)
            let details = try await audited("mcp-tool.called", assistant).first
            #expect(details?["server"] == "files" && details?["tool"] == "echo" && details?["duration_ms"] != nil)
            #expect(details?["arguments_sha256"]?.string?.count == 64 && details?["result_sha256"]?.string?.count == 64)
            #expect(await assistant.delete("/v1/sessions/\(session)").status == 204)
        }
    }

    @Test(arguments: Engine.available)
    func `another call waits for consent, and is made once with the arguments that were stored`(engine: Engine)
        async throws
    {
        try await withServer(engine, .handshake) { assistant, server in
            #expect(await add(server, to: assistant).status == 201)
            let asked = await call("remove", ["path": "a"], in: assistant)
            let id = try #require(asked["execution_id"]?.string)
            #expect(asked.status == 409 && asked.code == "tool-approval-required", "\(asked)")
            #expect(server.calls.isEmpty)
            let path = "/v1/mcp/executions/\(id)"
            #expect(await assistant.get(path)["status"] == "pending")
            let other = try await assistant.app.subscriber("student", "other")
            #expect(await assistant.post("\(path)/approval", ["approve": true], as: other).status == 404)

            let made = await assistant.post("\(path)/approval", ["approve": true])
            #expect(made["status"] == "completed" && made["output"]?["content"]?[0]?["text"] == "done", "\(made)")
            #expect(server.calls.map { $0["arguments"] } == [["path": "a"]])
            let again = await assistant.post("\(path)/approval", ["approve": true])
            #expect(again.status == 409 && again.code == "tool-execution-decided" && server.calls.count == 1)

            let second = try #require(await call("remove", [:], in: assistant)["execution_id"]?.string)
            let refused = await assistant.post("/v1/mcp/executions/\(second)/approval", ["approve": false])
            #expect(refused["status"] == "failed" && server.calls.count == 1, "\(refused)")
            // A question that no person answers ends.
            let session = try await assistant.session()
            let inSession: [String: JSONValue] = ["session_id": .string(session)]
            let third = try #require(await call("remove", [:], inSession, in: assistant)["execution_id"]?.string)
            assistant.app.clock.advance(by: .hours(25))
            try await assistant.app.runJobs()
            #expect(await assistant.get("/v1/mcp/executions/\(third)")["status"] == "failed")
            #expect(try await audited("mcp-tool.called", assistant).count == 1)
            #expect(await events(of: third, in: session, assistant).last == "failed")
        }
    }

    @Test(arguments: Engine.available)
    func `a call whose process was killed is ended, and audited`(engine: Engine) async throws {
        try await withServer(engine) { assistant, server in
            #expect(await add(server, to: assistant).status == 201)
            let session = try await assistant.session()
            let asked = await call("remove", [:], ["session_id": .string(session)], in: assistant)
            let id = try #require(asked["execution_id"]?.string)
            // As a process leaves it that was killed before the server has answered.
            try await assistant.app.app.database.write { transaction in
                try transaction.execute("UPDATE assistant_tool_executions SET status = 'running' WHERE id = \(id)")
            }
            assistant.app.clock.advance(by: .hours(25))
            try await assistant.app.runJobs()
            #expect(await assistant.get("/v1/mcp/executions/\(id)")["status"] == "failed")
            #expect(try await audited("mcp-tool.called", assistant).map { $0["reason"] } == ["process-ended"])
            #expect(await events(of: id, in: session, assistant).last == "failed" && server.calls.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `a consent is to the tool that was asked about, and to no other of its name`(engine: Engine) async throws {
        try await withServer(engine) { assistant, server in
            #expect(await add(server, to: assistant).status == 201)
            let first = try #require(await call("remove", ["path": "a"], in: assistant)["execution_id"]?.string)
            #expect(await assistant.delete("/v1/mcp/config/servers/files").status == 204)
            try await TestToolServer.with { other in
                #expect(await add(other, to: assistant).status == 201)
                let changed = await assistant.post("/v1/mcp/executions/\(first)/approval", ["approve": true])
                #expect(changed.status == 409 && changed.code == "tool-changed", "\(changed)")
                let refused = await assistant.post("/v1/mcp/executions/\(first)/approval", ["approve": false])
                #expect(refused["status"] == "failed", "\(refused)")

                let second = try #require(await call("remove", [:], in: assistant)["execution_id"]?.string)
                let definition = #"{"name":"remove","description":"All.","inputSchema":{"type":"object"}}"#
                try await assistant.app.app.database.write { transaction in
                    try transaction.execute(
                        "UPDATE assistant_mcp_tools SET definition = \(definition) WHERE name = 'remove'")
                }
                #expect(
                    await assistant.post("/v1/mcp/executions/\(second)/approval", ["approve": true]).code
                        == "tool-changed")
                // A start that changes nothing keeps what was asked.
                let third = try #require(await call("remove", [:], in: assistant)["execution_id"]?.string)
                #expect(await assistant.post("/v1/mcp/servers/files/restart")["status"] == "running")
                let fourth = try #require(await call("remove", [:], in: assistant)["execution_id"]?.string)
                #expect(await assistant.post("/v1/mcp/servers/files/restart")["status"] == "running")
                #expect(
                    await assistant.post("/v1/mcp/executions/\(third)/approval", ["approve": true]).code
                        == "tool-changed")
                let made = await assistant.post("/v1/mcp/executions/\(fourth)/approval", ["approve": true])
                #expect(made["status"] == "completed" && other.calls.count == 1, "\(made)")
            }
            #expect(server.calls.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `the server with the highest priority has a tool of several, unless it is stopped`(engine: Engine) async throws
    {
        try await withServer(engine) { assistant, server in
            for (name, priority) in [("low", 1), ("high", 2)] as [(String, JSONValue)] {
                #expect(await add(server, name, ["priority": priority], to: assistant).status == 201)
            }
            #expect(await add(server, "low", to: assistant).code == "mcp-server-exists")
            #expect(await call("echo", [:], in: assistant)["server"] == "high")
            #expect(await call("echo", [:], ["server": "low"], in: assistant)["server"] == "low")
            #expect(await assistant.post("/v1/mcp/servers/high/stop")["status"] == "stopped")
            let tools = await assistant.get("/v1/mcp/tools")["tools"]?.array ?? []
            #expect(tools.map { $0["server"] } == ["low", "low"])
            #expect(await call("echo", [:], in: assistant)["server"] == "low")
            let stopped = await call("echo", [:], ["server": "high"], in: assistant)
            #expect(stopped.status == 409 && stopped.code == "mcp-server-stopped", "\(stopped)")
            #expect(await assistant.post("/v1/mcp/servers/high/restart")["status"] == "running")
            #expect(await assistant.delete("/v1/mcp/config/servers/high").status == 204)
            #expect(await call("echo", [:], ["server": "high"], in: assistant).code == "mcp-tool-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `servers of other organisations are not found, and those of private networks not reached`(engine: Engine)
        async throws
    {
        try await withServer(engine) { assistant, server in
            #expect(await add(server, to: assistant).status == 201)
            let other = try await assistant.app.subscriber("student", "other")
            #expect(await assistant.get("/v1/mcp/servers", as: other).json == [])
            #expect(await assistant.get("/v1/mcp/tools?server=files", as: other).status == 404)
            #expect(await assistant.post("/v1/mcp/servers/files/stop", as: other).status == 404)
            #expect(await assistant.delete("/v1/mcp/config/servers/files", as: other).status == 404)
            #expect(await call("echo", [:], in: assistant, as: other).code == "mcp-tool-not-found")

            let bad: [[String: JSONValue]] = [
                ["url": "http://127.0.0.2:8080/"], ["url": "http://169.254.169.254/"], ["url": "file:///etc/passwd"],
                ["command": "id"], ["headers": ["A": "b\r\nC: d"]], ["priority": 1_001], ["approval": "sometimes"],
            ]
            for more in bad {
                let refused = await add(server, "bad", more, to: assistant)
                #expect(refused.status == 422, "\(more): \(refused)")
            }
            #expect(await assistant.get("/v1/mcp/servers").json.array?.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a server that fails says why, and a failed call is stored`(engine: Engine) async throws {
        let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
        try await ScriptedServer.with(.bytes(html)) { broken in
            try await withServer(engine) { assistant, server in
                let failed = await assistant.post(
                    "/v1/mcp/config/servers", ["name": "broken", "url": .string(broken.url)])
                #expect(failed.status == 201 && failed["status"] == "error", "\(failed)")
                #expect(failed["error"]?.string?.contains("neither JSON nor events") == true)

                #expect(await add(server, to: assistant).status == 201)
                server.answer(["content": "nonsense"])
                let session = try await assistant.session()
                let call = await call("echo", [:], ["session_id": .string(session)], in: assistant)
                #expect(
                    call.status == 502 && call.code == "mcp-server-failed" && call["reason"] == "malformed", "\(call)")
                // Another server's fault is no error of this one.
                let lines = assistant.app.log.lines.filter { $0.contains("mcp-server-failed") }
                #expect(lines.contains { $0.lowercased().contains("warning") }, "\(lines)")
                server.answer(["content": [["type": "text", "text": "no"]], "isError": true])
                let error = await self.call("echo", [:], ["session_id": .string(session)], in: assistant)
                #expect(error.status == 200 && error["error"] == "no", "\(error)")
                let executions = await assistant.get("/v1/sessions/\(session)/tools")
                #expect(executions["executions"]?.array?.map { $0["status"] } == ["failed", "failed"], "\(executions)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation makes 16 calls at once, also where two begin together`(engine: Engine) async throws {
        try await withServer(engine) { assistant, server in
            #expect(await add(server, to: assistant).status == 201)
            let latch = Latch()
            server.hold(latch)
            try await withThrowingTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<15 { group.addTask { await call("echo", ["text": "a"], in: assistant) } }
                let are15 = try await eventually { latch.waitingCount == 15 }
                #expect(are15)
                for _ in 0..<2 { group.addTask { await call("echo", ["text": "b"], in: assistant) } }
                let refused = try #require(try await group.next())
                #expect(refused.status == 503 && refused.code == "overloaded", "\(refused)")
                #expect(refused.headers["retry-after"] != nil)
                let are16 = try await eventually { latch.waitingCount == 16 }
                #expect(are16)
                #expect(await call("echo", ["text": "c"], in: assistant).status == 503)
                latch.open()
                for try await made in group { #expect(made.status == 200, "\(made)") }
            }
            #expect(await call("echo", ["text": "d"], in: assistant).status == 200)
            #expect(server.calls.count == 17)
        }
    }

    @Test(arguments: Engine.available)
    func `a client reports calls that it has made itself`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let path = "/v1/sessions/\(try await assistant.session())/tools"
            let reported = await assistant.post(
                path,
                [
                    "tool_name": "bash", "input_params": ["command": "ls"], "output": "a\nb", "execution_time_ms": 12,
                    "created_at": "2026-01-01T00:00:00Z",
                ])
            #expect(reported.status == 201 && reported["status"] == "completed", "\(reported)")
            #expect(reported["tool_type"] == "native" && reported["is_reported"] == true)
            #expect(reported["output"] == "a\nb" && reported["execution_time_ms"] == 12)
            let failed = await assistant.post(path, ["tool_name": "bash", "error_message": "no"])
            #expect(failed["status"] == "failed", "\(failed)")
            #expect(
                await assistant.post(path, ["id": reported["id"] ?? .null, "tool_name": "bash"]).status == 409)
            #expect(await assistant.post(path, ["tool_name": "bash", "status": "running"]).status == 422)
            #expect(await assistant.get("\(path)?status=completed")["total"] == 1)
            #expect(await assistant.get("\(path)?tool_type=mcp")["total"] == 0)
        }
    }
}

/// Tool servers that the operator has declared.
@Suite(.enabled("commands can be run here") { await CommandSandbox.isTested() }) struct ToolServerProcessTests {
    private static let script = """
        while read -r line; do
        id=$(printf '%s' "$line" | sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p')
        case "$line" in
        *'"initialize"'*) result='{"protocolVersion":"2025-11-25","capabilities":{}}' ;;
        *'"tools/list"'*) result='{"tools":[{"name":"where","inputSchema":{"type":"object"}}]}' ;;
        *'"tools/call"'*) result='{"content":[{"type":"text","text":"'$(pwd)' '$NAME'"}]}' ;;
        *) continue ;;
        esac
        printf '{"jsonrpc":"2.0","id":%s,"result":%s}\\n' "$id" "$result"
        done
        """

    @Test(arguments: Engine.available)
    func `an organisation starts and stops a process of the installation`(engine: Engine) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-mcp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file: JSONValue = [
            "mcpServers": [
                "local": [
                    "command": "sh", "args": ["-c", .string(Self.script)], "env": ["NAME": "x"], "approval": "never",
                ]
            ]
        ]
        try JSONEncoder().encode(file).write(to: folder.appending(path: "mcp-servers.json"))
        try await withAssistant(engine, change: { $0.toolServerFolder = folder.path }) { assistant in
            #expect(await assistant.get("/v1/mcp/servers").json[0]?["status"] == "stopped")
            #expect(await assistant.get("/v1/mcp/config")["discovery"]?["enabled"] == true)
            let taken = await assistant.post(
                "/v1/mcp/config/servers", ["name": "local", "url": "https://example.org/"])
            #expect(taken.code == "mcp-server-exists", "\(taken)")
            let started = await assistant.post("/v1/mcp/servers/local/start")
            #expect(started["status"] == "running" && started["kind"] == "stdio", "\(started)")
            let called = await assistant.post("/v1/mcp/tools/call", ["tool": "where"])
            #expect(called["result"]?["content"]?[0]?["text"] == "/workspace x", "\(called)")
            #expect(await assistant.delete("/v1/mcp/config/servers/local").status == 404)
            let running = try Self.folders(of: assistant)
            #expect(running.count == 1)
            #expect(await assistant.post("/v1/mcp/servers/local/stop")["status"] == "stopped")
            let stopped = try Self.folders(of: assistant)
            #expect(stopped.isEmpty)
            #expect(await assistant.post("/v1/mcp/tools/call", ["tool": "where"]).code == "mcp-tool-not-found")
        }
    }

    /// The folders of processes that are there.
    private static func folders(of assistant: AssistantFixture) throws -> [String] {
        let path = "\(assistant.app.app.configuration.dataFolder)/files/.scratch/mcp-processes"
        return try FileManager.default.contentsOfDirectory(atPath: path)
    }

    private static func declare(_ servers: [String: String], in folder: URL) throws {
        let entries = servers.mapValues { script -> JSONValue in
            ["command": "sh", "args": ["-c", .string(script)], "approval": "never"]
        }
        let file: JSONValue = ["mcpServers": .object(entries)]
        try JSONEncoder().encode(file).write(to: folder.appending(path: "mcp-servers.json"))
    }

    @Test(arguments: Engine.available)
    func `a restart during a restart leaves one process, with its folder`(engine: Engine) async throws {
        try await TemporaryFolder.with { folder in
            // It ends some time after it was told to.
            try Self.declare(["slow": "trap 'sleep 1; exit' TERM\n" + Self.script], in: folder)
            try await withAssistant(engine, change: { $0.toolServerFolder = folder.path }) { assistant in
                #expect(await assistant.post("/v1/mcp/servers/slow/start")["status"] == "running")
                async let first = assistant.post("/v1/mcp/servers/slow/restart")
                async let second = assistant.post("/v1/mcp/servers/slow/restart")
                async let third = assistant.post("/v1/mcp/servers/slow/start")
                let states = await [first, second, third].map { $0["status"] }
                #expect(states.contains("running") && !states.contains("error"), "\(states)")
                let called = await assistant.post("/v1/mcp/tools/call", ["tool": "where"])
                #expect(called["result"]?["content"]?[0]?["text"] == "/workspace ", "\(called)")
                let isOne = try await eventually { try Self.folders(of: assistant).count == 1 }
                #expect(isOne)
            }
        }
    }

    @Test func `an organisation has eight processes: a further one ends the one that was not called for longest`()
        async throws
    {
        try await TemporaryFolder.with { folder in
            let names = (0..<9).map { "s\($0)" }
            try Self.declare(Dictionary(uniqueKeysWithValues: names.map { ($0, Self.script) }), in: folder)
            try await withAssistant(.sqlite, change: { $0.toolServerFolder = folder.path }) { assistant in
                for name in names {
                    #expect(await assistant.post("/v1/mcp/servers/\(name)/start")["status"] == "running")
                    assistant.app.clock.advance(by: .seconds(1))
                }
                let eight = try Self.folders(of: assistant)
                #expect(eight.count == 8)
                // It is started again, in place of another one.
                let called = await assistant.post("/v1/mcp/tools/call", ["tool": "where", "server": "s0"])
                #expect(called.status == 200 && called["server"] == "s0", "\(called)")
                let still = try Self.folders(of: assistant)
                #expect(still.count == 8)
                // Nothing is left of processes that are not called.
                assistant.app.clock.advance(by: .minutes(11))
                try await assistant.app.runJobs()
                let none = try Self.folders(of: assistant)
                #expect(none.isEmpty)
            }
        }
    }

    @Test func `a file with a fault is refused at the start`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-mcp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        for text in [
            "{", "{}", #"{"mcpServers": {"a b": {"command": "x"}}}"#, #"{"mcpServers": {"a": {}}}"#,
            #"{"mcpServers": {"a": {"command": "x", "cwd": "/"}}}"#,
            #"{"mcpServers": {"a": {"command": "x", "args": [1]}}}"#,
            #"{"mcpServers": {"a": {"command": "x", "memory_mb": 1}}}"#,
        ] {
            try Data(text.utf8).write(to: folder.appending(path: "mcp-servers.json"))
            await #expect(throws: (any Error).self, "\(text)") {
                try await withTestApp(.sqlite, change: { $0.toolServerFolder = folder.path }) { _ in }
            }
        }
    }
}
