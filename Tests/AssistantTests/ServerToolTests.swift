import App
import Base
import Identity
import Models
import Modules
import TestKit
import Testing

/// Models that call the tools of servers by themselves.
@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct ServerToolTests {
    private struct Parts: Sendable {
        let assistant: AssistantFixture
        let model: TestModel
        let server: TestToolServer
        let session: String

        func chat(_ text: String, _ more: [String: JSONValue] = [:]) async -> TestResponse {
            let body: [String: JSONValue] = ["session_id": .string(session), "mcp": ["enabled_servers": ["files"]]]
            return await assistant.chat(text, body.merging(more) { $1 })
        }

        /// The bodies of the requests to the model.
        func sent() async throws -> [JSONValue] { try await model.requests().compactMap { $0["body"] } }
    }

    private func with(
        _ engine: Engine, _ api: ModelUpstream.API = .openAI,
        change: @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (Parts) async throws -> Void
    ) async throws {
        let model = try TestModels.model()
        let upstream = try model.upstream(api)
        try await TestToolServer.with { server in
            try await withAssistant(
                engine,
                change: {
                    $0.use(model.name, at: upstream)
                    $0.outboundPrivateNetworks = ["127.0.0.1"]
                    change(&$0)
                }
            ) { assistant in
                let added = await assistant.post(
                    "/v1/mcp/config/servers", ["name": "files", "url": .string(server.url)])
                #expect(added["status"] == "running", "\(added)")
                try await body(
                    Parts(
                        assistant: assistant, model: model, server: server, session: try await assistant.session()))
            }
        }
    }

    private static func call(_ tool: String, _ arguments: JSONValue, text: String = "", times: JSONValue = 1)
        -> [String: JSONValue]
    {
        [
            "type": "reply", "text": .string(text), "tool_calls": [["name": .string(tool), "arguments": arguments]],
            "times": times,
        ]
    }

    private static func reply(_ text: String, times: JSONValue = 1) -> [String: JSONValue] {
        ["type": "reply", "text": .string(text), "times": times]
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `the model gets the results of its calls, and the client one answer`(engine: Engine, api: ModelUpstream.API)
        async throws
    {
        try await with(engine, api) { parts in
            let assistant = parts.assistant
            try await parts.model.script(
                Self.call("echo", ["text": "5 degrees"], text: "I look."), Self.reply("Rain."),
                Self.reply("Still.", times: .null))
            let answer = await parts.chat("Weather?")
            let message = answer["choices"]?[0]?["message"]
            #expect(message?["content"] == "I look.\n\nRain." && message?["tool_calls"] == nil, "\(answer)")
            #expect(answer["choices"]?[0]?["finish_reason"] == "stop" && answer["tool_approvals"] == nil)
            #expect(parts.server.calls.map { $0["arguments"] } == [["text": "5 degrees"]])
            #expect(try await assistant.turns() == ["completed", "completed"])
            #expect(await assistant.tokens() == [answer["usage"]?["total_tokens"]?.integer, 0])

            let stored = await assistant.get("/v1/sessions/\(parts.session)/messages")["messages"]?.array ?? []
            #expect(stored.map { $0["role"]?.string } == ["user", "assistant", "user", "assistant"])
            let executions = await assistant.get("/v1/sessions/\(parts.session)/tools?status=completed")
            let execution = try #require(executions["executions"]?[0]?["id"]?.string)
            #expect(stored[1]["parts"]?[1]?["id"] == .string("mcp_\(execution)"), "\(stored)")
            #expect(stored[2]["parts"]?[0]?["tool_call_id"] == .string("mcp_\(execution)"))
            #expect(stored[2]["content"] == "5 degrees")
            let topic = await assistant.get("/v1/realtime/topics/assistant.\(parts.session)?after=0")
            let events = topic["messages"]?.array ?? []
            #expect(
                events.map { $0["type"]?.string } == [
                    "session_update", "tool_execution", "tool_execution", "message", "message", "message",
                    "token_update", "session_update", "message", "token_update", "session_update",
                ], "\(events)")
            #expect(events[1]["data"]?["status"] == "running" && events[2]["data"]?["status"] == "completed")
            #expect(events[7]["data"]?["status"] == "streaming" && events[10]["data"]?["status"] == "active")

            // A client that sends the whole conversation, as it has got it.
            let whole = await assistant.post(
                "/v1/chat/completions",
                AssistantFixture.body(
                    [
                        AssistantFixture.user("Weather?"), ["role": "assistant", "content": "I look.\n\nRain."],
                        AssistantFixture.user("And now?"),
                    ], ["session_id": .string(parts.session)]))
            #expect(whole["choices"]?[0]?["message"]?["content"] == "Still.", "\(whole)")
            #expect(await assistant.messages(parts.session).count == 6)
            let sent = try await parts.sent()
            #expect(sent.map { $0["tools"]?.array?.count } == [2, 2, 1])
            let roles = sent.last?["messages"]?.array?.map { $0["role"]?.string }
            let result = api == .openAI ? "tool" : "user"
            #expect(roles == ["user", "assistant", result, "assistant", "user"])
        }
    }

    @Test(arguments: Engine.available)
    func `a stream has the texts of all rounds, and no calls of servers' tools`(engine: Engine) async throws {
        try await with(engine) { parts in
            let rounds = [
                Self.call("echo", ["text": "a"], text: "One."), Self.call("echo", ["text": "b"]),
                Self.reply("Two."),
            ]
            try await parts.model.script(rounds[0], rounds[1], rounds[2], rounds[0], rounds[1], rounds[2])
            let stream = await parts.chat("Count", ["stream": true])
            #expect(stream.streamedText == "One.\n\nTwo." && stream.events.last == "[DONE]", "\(stream)")
            #expect(!stream.text.contains("tool_calls"))
            #expect(Set(stream.chunks.compactMap { $0["id"]?.string }).count == 1)
            let other = await parts.assistant.post(
                "/v1/messages",
                AssistantFixture.body(
                    [AssistantFixture.user("Count")],
                    [
                        "model": .string(parts.model.name), "stream": true, "session_id": .string(parts.session),
                        "mcp": [:],
                    ])
            ).chunks
            #expect(other.compactMap { $0["delta"]?["text"]?.string }.joined() == "One.\n\nTwo.", "\(other)")
            #expect(other.compactMap { $0["content_block"]?["type"]?.string } == ["text"])
            #expect(other[other.count - 2]["delta"]?["stop_reason"] == "end_turn")
            #expect(parts.server.calls.count == 4)
        }
    }

    private static let plans = """
        meters: { tokens: Token }
        plans:
          - { id: student, name: Student, start: anyone, limits: { tokens: -1 }, file_mb: 1, storage_mb: 1 }
        """

    @Test(arguments: Engine.available)
    func `of more than a hundred images in a session, results of tools among them, the oldest are left out`(
        engine: Engine
    ) async throws {
        try await withPlansFile(Self.plans) { file in
            try await with(
                engine, .anthropic,
                change: {
                    $0.plansFile = file
                    $0.contextTokens = 1_000_000
                }
            ) { parts in
                parts.server.answer([
                    "content": [
                        ["type": "image", "data": "iVBORw0=", "mimeType": "image/png"],
                        ["type": "image", "data": "iVBORw0=", "mimeType": "image/png"],
                    ]
                ])
                try await parts.model.script(
                    Self.call("echo", ["text": "a"]), Self.reply("Seen."), Self.reply("Again."))
                for (name, count) in [("first", 99), ("second", 3)] {
                    let images = (0..<count).map { number -> JSONValue in
                        ["type": "image_url", "image_url": ["url": .string("https://\(name)-\(number).example/")]]
                    }
                    let answer = await parts.assistant.post(
                        "/v1/chat/completions",
                        AssistantFixture.body(
                            [["role": "user", "content": .array(images)]],
                            ["session_id": .string(parts.session), "mcp": [:]]))
                    #expect(answer.status == 200, "\(answer)")
                }
                let sent = try await parts.sent().map { body in
                    var bytes: [UInt8] = []
                    bytes.append(json: body)
                    return String(decoding: bytes, as: UTF8.self)
                }
                #expect(sent.map { $0.ranges(of: ".example").count } == [99, 98, 98])
                #expect(sent.map { $0.ranges(of: "iVBORw0=").count } == [0, 2, 2])
                #expect(sent.map { $0.ranges(of: "[An image was left out.]").count } == [0, 1, 4])
                let last = sent.last ?? ""
                #expect(!last.contains("first-3.example") && last.contains("first-4.example"))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `clearing a session deletes its calls, and ends the questions about them`(engine: Engine) async throws {
        try await with(engine) { parts in
            let assistant = parts.assistant
            try await parts.model.script(
                Self.call("echo", ["text": "secret"]), Self.reply("So."), Self.call("remove", ["path": "a"]))
            #expect(await parts.chat("Look").status == 200)
            let asked = await parts.chat("Remove a")
            let id = try #require(asked["tool_approvals"]?[0]?["execution_id"]?.string, "\(asked)")
            let tools = "/v1/sessions/\(parts.session)/tools"
            #expect(await assistant.get(tools)["total"] == 2)

            // While a call runs, nothing is deleted.
            try await assistant.app.app.database.write { transaction in
                _ = try transaction.execute(
                    """
                    UPDATE assistant_tool_executions SET status = 'running', completed_at = NULL
                    WHERE status = 'completed'
                    """)
            }
            let refused = await assistant.post("/v1/sessions/\(parts.session)/clear")
            #expect(refused.code == "turn-in-progress", "\(refused)")
            #expect(await assistant.get(tools)["total"] == 2)
            try await assistant.app.app.database.write { transaction in
                _ = try transaction.execute(
                    """
                    UPDATE assistant_tool_executions SET status = 'completed', completed_at = \(transaction.now)
                    WHERE status = 'running'
                    """)
            }

            #expect(await assistant.post("/v1/sessions/\(parts.session)/clear").status == 200)
            let left = await assistant.get(tools)
            #expect(left["total"] == 0 && !left.text.contains("secret"), "\(left)")
            #expect(await assistant.get("/v1/mcp/executions/\(id)").code == "tool-execution-not-found")
            let late = await assistant.post("/v1/mcp/executions/\(id)/approval", ["approve": true])
            #expect(late.code == "tool-execution-not-found", "\(late)")
            #expect(parts.server.calls.count == 1)
        }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `a call that needs consent ends the answer, and the model gets its result later`(
        engine: Engine, api: ModelUpstream.API
    ) async throws {
        try await with(engine, api) { parts in
            try await parts.model.script(
                Self.call("remove", ["path": "a"], text: "I remove it."), Self.reply("Not yet."), Self.reply("Done."))
            let asked = await parts.chat("Remove a")
            let approval = asked["tool_approvals"]?[0]
            let id = try #require(approval?["execution_id"]?.string, "\(asked)")
            #expect(approval?["tool"] == "remove" && approval?["server"] == "files")
            #expect(approval?["arguments"] == ["path": "a"])
            #expect(asked["choices"]?[0]?["finish_reason"] == "stop")
            let text = asked["choices"]?[0]?["message"]?["content"]?.string ?? ""
            #expect(
                text.hasPrefix("I remove it.\n\n[The call of 'remove'") && text.contains("executions/\(id)/approval"))
            #expect(parts.server.calls.isEmpty)
            #expect(await parts.chat("Is it?", ["mcp": .null])["choices"]?[0]?["finish_reason"] == "stop")

            let made = await parts.assistant.post("/v1/mcp/executions/\(id)/approval", ["approve": true])
            #expect(made["status"] == "completed", "\(made)")
            let last = await parts.chat("Go on", ["mcp": .null])
            #expect(last["choices"]?[0]?["message"]?["content"] == "Done.", "\(last)")
            let sent = try await parts.sent()
            try #require(sent.count == 3)
            #expect(sent[1]["tools"] == nil)
            if api == .openAI {
                #expect(sent[2]["messages"]?[2]?["tool_call_id"] == .string("mcp_\(id)"))
                #expect(sent[2]["messages"]?[2]?["content"] == "done" && sent[2]["tool_choice"] == "none")
            } else {
                let result = sent[2]["messages"]?[2]?["content"]?[0]
                #expect(result?["tool_use_id"] == .string("mcp_\(id)") && result?["content"] == "done")
                #expect(sent[2]["tools"]?[0]?["name"] == "remove" && sent[2]["tool_choice"] == ["type": "none"])
            }
            let topic = await parts.assistant.get("/v1/realtime/topics/assistant.\(parts.session)?after=0")
            let states = (topic["messages"]?.array ?? []).filter { $0["type"] == "tool_execution" }
            #expect(states.map { $0["data"]?["status"]?.string } == ["pending", "running", "completed"])
        }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `the model gets images of a result where its service takes them, and long texts cut`(
        engine: Engine, api: ModelUpstream.API
    ) async throws {
        try await with(engine, api) { parts in
            parts.server.answer([
                "content": [
                    ["type": "text", "text": .string(String(repeating: "x", count: 70_000))],
                    ["type": "image", "data": "iVBORw0=", "mimeType": "image/png"],
                    ["type": "text", "text": "end"],
                ]
            ])
            try await parts.model.script(
                Self.call("echo", ["text": "a"]), Self.reply("Seen."), Self.call("echo", ["text": "b"]),
                Self.reply("Again."))
            #expect(await parts.chat("Look")["choices"]?[0]?["message"]?["content"] == "Seen.")
            parts.server.answer([
                "content": [
                    ["type": "text", "text": "A map:"],
                    ["type": "image", "data": "iVBORw0=", "mimeType": "image/png"],
                    ["type": "image", "data": "no base64", "mimeType": "image/png"],
                ]
            ])
            #expect(await parts.chat("And now?")["choices"]?[0]?["message"]?["content"] == "Again.")
            let sent = try await parts.sent()
            try #require(sent.count == 4)
            let first = sent[1]["messages"]?[2], last = sent[3]["messages"]?.array?.last
            if api == .openAI {
                let text = first?["content"]?.string ?? ""
                #expect(text.hasPrefix("xxx") && text.contains("70000 bytes") && text.utf8.count < 66_000)
                #expect(last?["content"] == "A map:\n[An image was left out.]\n[image image/png]")
            } else {
                let text = first?["content"]?[0]?["content"]?.string ?? ""
                #expect(text.contains("70000 bytes") && text.contains("[An image was left out.]"))
                let content = last?["content"]?[0]?["content"]
                #expect(content?[0]?["text"] == "A map:" && content?[1]?["source"]?["data"] == "iVBORw0=")
                #expect(content?[2]?["text"] == "[image image/png]")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `calls of the client's functions end the answer behind those of servers`(engine: Engine) async throws {
        try await with(engine) { parts in
            let both: [String: JSONValue] = [
                "type": "reply", "text": "",
                "tool_calls": [
                    ["name": "echo", "arguments": ["text": "a"]], ["name": "local", "arguments": ["b": 1]],
                ], "times": 1,
            ]
            try await parts.model.script(both, Self.reply("Both."))
            let tools: JSONValue = [
                ["type": "function", "function": ["name": "local", "parameters": ["type": "object"]]]
            ]
            let answer = await parts.chat("Both?", ["tools": tools])
            let calls = answer["choices"]?[0]?["message"]?["tool_calls"]?.array ?? []
            #expect(calls.map { $0["function"]?["name"] } == ["local"], "\(answer)")
            #expect(answer["choices"]?[0]?["finish_reason"] == "tool_calls" && parts.server.calls.count == 1)
            let last = await parts.assistant.post(
                "/v1/chat/completions",
                AssistantFixture.body(
                    [["role": "tool", "tool_call_id": calls.first?["id"] ?? .null, "content": "c"]],
                    ["session_id": .string(parts.session), "tools": tools]))
            #expect(last["choices"]?[0]?["message"]?["content"] == "Both.", "\(last)")
            let roles = try await parts.sent().last?["messages"]?.array?.map { $0["role"]?.string }
            #expect(roles == ["user", "assistant", "tool", "tool"])

            let collision: JSONValue = [
                ["type": "function", "function": ["name": "echo", "parameters": ["type": "object"]]]
            ]
            for (more, pointer) in [
                (["tools": collision], "tools.0"), (["session_id": .null], "mcp"),
                (["mcp": ["enabled_servers": ["none"]]], "mcp.enabled_servers.0"),
                (["mcp": ["enabled_tools": ["echo", "none"]]], "mcp.enabled_tools.1"),
                (["mcp": ["priority": ["none"]]], "mcp.priority.0"),
            ] as [([String: JSONValue], String)] {
                let refused = await parts.chat("Hi", more)
                #expect(refused.status == 422 && refused["error"]?["param"] == .string(pointer), "\(refused)")
            }
            #expect(try await parts.assistant.turns().count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an answer has eight rounds at most, and what is wrong with a call is told to the model`(engine: Engine)
        async throws
    {
        try await with(engine) { parts in
            parts.server.answer(["content": [["type": "text", "text": "no"]], "isError": true])
            try await parts.model.script(Self.call("echo", ["text": "a"], text: "Again.", times: .null))
            let answer = await parts.chat("Go")
            let text = Array(repeating: "Again.", count: 8).joined(separator: "\n\n")
            #expect(answer["choices"]?[0]?["message"]?["content"] == .string(text), "\(answer)")
            #expect(answer["choices"]?[0]?["finish_reason"] == "stop" && parts.server.calls.count == 7)
            let sent = try await parts.sent()
            #expect(sent.count == 8 && sent[6]["tool_choice"] == "auto" && sent[7]["tool_choice"] == "none")
            #expect(try await parts.assistant.turns() == Array(repeating: "completed", count: 8))
            #expect(await parts.assistant.tokens() == [answer["usage"]?["total_tokens"]?.integer, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `every round takes its tokens before it begins`(engine: Engine) async throws {
        let plans = """
            meters: { tokens: Token }
            default: { concurrency: { chat_sessions: 2 }, limits: { tokens: 5000 } }
            plans:
              - { id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }
              - { id: student, name: Student, start: anyone, limits: { tokens: 5000 }, file_mb: 1, storage_mb: 1 }
            """
        try await withPlansFile(plans) { file in
            try await with(engine, change: { $0.plansFile = file }) { parts in
                let long = String(repeating: "x", count: 10_000)
                parts.server.answer(["content": [["type": "text", "text": .string(long)]]])
                try await parts.model.script(Self.call("echo", ["text": "a"], text: "I look."), Self.reply("Never."))
                let refused = await parts.chat("Go")
                #expect(refused.status == 403 && refused.code == "quota-exceeded", "\(refused)")
                // What came before is stored and charged.
                #expect(try await parts.assistant.turns() == ["completed"])
                #expect(await parts.assistant.messages(parts.session).map { $0[0] } == ["user", "assistant", "user"])
                let tokens = await parts.assistant.tokens()
                #expect(tokens[1] == 0 && tokens[0] ?? 0 > 0 && tokens[0] ?? 0 < 5_000)
                #expect(try await parts.sent().count == 1)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a stop ends an answer while its tools run`(engine: Engine) async throws {
        try await with(engine) { parts in
            let latch = Latch()
            parts.server.hold(latch)
            try await parts.model.script(Self.call("echo", ["text": "a"], text: "I look."), Self.reply("Never."))
            let answer = Task { await parts.chat("Go") }
            let isCalled = try await eventually { latch.waitingCount == 1 }
            #expect(isCalled)
            #expect(await parts.assistant.chat("Hi", ["session_id": .string(parts.session)]).code == "turn-in-progress")
            #expect(await parts.assistant.post("/v1/sessions/\(parts.session)/stop").status == 200)
            let stopped = await answer.value
            #expect(stopped.status == 200 && stopped["choices"]?[0]?["message"]?["content"] == "I look.", "\(stopped)")
            latch.open()
            #expect(try await parts.assistant.turns() == ["interrupted"])
            let executions = await parts.assistant.get("/v1/sessions/\(parts.session)/tools")
            #expect(executions["executions"]?.array?.map { $0["status"] } == ["failed"], "\(executions)")
            let error = executions["executions"]?[0]?["error_message"]?.string ?? ""
            #expect(error.hasSuffix("The tool may have run."), "\(executions)")
            let messages = await parts.assistant.messages(parts.session)
            #expect(messages.map { $0[0] } == ["user", "assistant", "user"])
            #expect(messages.last?[1].hasSuffix("The tool may have run.") == true, "\(messages)")
        }
    }

    @Test(arguments: Engine.available)
    func `a stop that another process was asked for ends an answer between its rounds`(engine: Engine) async throws {
        try await with(engine) { parts in
            let latch = Latch()
            parts.server.hold(latch)
            try await parts.model.script(Self.call("echo", ["text": "a"], text: "I look."), Self.reply("Never."))
            let answer = Task { await parts.chat("Go") }
            let isCalled = try await eventually { latch.waitingCount == 1 }
            #expect(isCalled)
            try await parts.assistant.app.app.database.write { transaction in
                try transaction.execute(
                    "UPDATE assistant_turns SET stop_requested_at = \(transaction.now) WHERE state = 'running'")
            }
            latch.open()
            let stopped = await answer.value
            #expect(stopped["choices"]?[0]?["message"]?["content"] == "I look.", "\(stopped)")
            #expect(try await parts.assistant.turns() == ["interrupted"])
            #expect(try await parts.sent().count == 1)
        }
    }

    /// A round with eight calls, of which four are made at once.
    private static let eight: [String: JSONValue] = [
        "type": "reply", "text": "I look.", "times": 1,
        "tool_calls": .array((0..<8).map { ["name": "echo", "arguments": ["text": .string("\($0)")]] }),
    ]

    @Test(arguments: Engine.available)
    func `no call begins for a person who was suspended, and no further round`(engine: Engine) async throws {
        try await with(engine) { parts in
            let latch = Latch()
            parts.server.hold(latch)
            try await parts.model.script(Self.eight, Self.reply("Never."))
            let answer = Task { await parts.chat("Go") }
            let areCalled = try await eventually { latch.waitingCount == 4 }
            #expect(areCalled)
            try await parts.assistant.app.app.identity.accounts.suspend(parts.assistant.person.id)
            latch.open()
            #expect(await answer.value.status != 200)
            #expect(parts.server.calls.count == 4)
            #expect(try await parts.sent().count == 1)
            #expect(try await parts.assistant.turns().count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an answer ends soon after its person was suspended`(engine: Engine) async throws {
        try await with(engine) { parts in
            let latch = Latch()
            parts.server.hold(latch)
            try await parts.model.script(Self.call("echo", ["text": "a"], text: "I look."), Self.reply("Never."))
            let answer = Task { await parts.chat("Go") }
            let isCalled = try await eventually { latch.waitingCount == 1 }
            #expect(isCalled)
            try await parts.assistant.app.app.identity.accounts.suspend(parts.assistant.person.id)
            // The tool has not answered.
            #expect(await answer.value.code == "overloaded")
            latch.open()
            #expect(try await parts.assistant.turns() == ["interrupted"])
        }
    }
}
