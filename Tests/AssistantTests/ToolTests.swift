import App
import Base
import Models
import Modules
import TestKit
import Testing

/// Tools, images and schemas: from the clients of both APIs to services with both APIs, and back.
@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct ToolTests {
    private static let schema: JSONValue = ["type": "object", "properties": ["city": ["type": "string"]]]
    private static let functions: JSONValue = [
        [
            "type": "function",
            "function": ["name": "weather", "description": "Of a city.", "parameters": schema, "strict": true],
        ]
    ]
    private static let tools: JSONValue = [["name": "weather", "description": "Of a city.", "input_schema": schema]]
    private static let reply: [String: JSONValue] = [
        "type": "reply", "text": "I look.",
        "tool_calls": [
            ["name": "weather", "arguments": ["city": "Oslo"]], ["name": "weather", "arguments": ["city": "Bergen"]],
        ], "times": 2,
    ]
    private func with(
        _ engine: Engine, _ api: ModelUpstream.API, _ body: (AssistantFixture, TestModel) async throws -> Void
    ) async throws {
        let model = try TestModels.model()
        let upstream = try model.upstream(api)
        try await withAssistant(engine, change: { $0.use(model.name, at: upstream) }) { try await body($0, model) }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `OpenAI's clients get calls of functions, and send their results`(engine: Engine, api: ModelUpstream.API)
        async throws
    {
        try await with(engine, api) { assistant, model in
            try await model.script(Self.reply, ["type": "reply", "text": "Rain.", "times": .null])
            let more: [String: JSONValue] = ["tools": Self.functions, "tool_choice": "required"]
            let answer = await assistant.chat("Weather?", more)
            let choice = answer["choices"]?[0]
            #expect(choice?["finish_reason"] == "tool_calls", "\(answer)")
            #expect(choice?["message"]?["content"] == "I look.")
            let calls = choice?["message"]?["tool_calls"]?.array ?? []
            try #require(calls.count == 2)
            #expect(calls[0]["type"] == "function" && calls[0]["function"]?["name"] == "weather")
            let arguments = try #require(calls[1]["function"]?["arguments"]?.string)
            #expect(try JSONValue(parsing: arguments.utf8) == ["city": "Bergen"])

            let stream = await assistant.chat("Weather?", more.merging(["stream": true]) { $1 })
            let deltas = stream.chunks.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }
            #expect(deltas.compactMap { $0["function"]?["name"]?.string } == ["weather", "weather"], "\(stream)")
            let second = deltas.filter { $0["index"] == 1 }
            let streamed = second.compactMap { $0["function"]?["arguments"]?.string }.joined()
            #expect(try JSONValue(parsing: streamed.utf8) == ["city": "Bergen"])
            #expect(stream.chunks.last { $0["choices"]?[0] != nil }?["choices"]?[0]?["finish_reason"] == "tool_calls")
            #expect(stream.streamedText == "I look.")

            let message = try #require(choice?["message"])
            let results = calls.map { call -> JSONValue in
                ["role": "tool", "tool_call_id": call["id"] ?? .null, "content": [["type": "text", "text": "5 °C"]]]
            }
            let last = await assistant.post(
                "/v1/chat/completions",
                AssistantFixture.body(
                    [AssistantFixture.user("Weather?"), message] + results, ["tools": Self.functions]))
            #expect(last["choices"]?[0]?["message"]?["content"] == "Rain.", "\(last)")
            let sent = try #require(try await model.requests().last?["body"])
            if api == .openAI {
                #expect(sent["messages"]?.array?.map { $0["role"]?.string } == ["user", "assistant", "tool", "tool"])
                #expect(sent["tools"] == Self.functions)
            } else {
                // All results follow their calls in one message.
                #expect(sent["messages"]?.array?.map { $0["role"]?.string } == ["user", "assistant", "user"])
                #expect(
                    sent["messages"]?[2]?["content"]?.array?.map { $0["type"]?.string } == [
                        "tool_result", "tool_result",
                    ])
                #expect(sent["tools"]?[0]?["input_schema"] == Self.schema && sent["tools"]?[0]?["strict"] == true)
            }
        }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `Anthropic's clients get blocks of calls, and send their results`(engine: Engine, api: ModelUpstream.API)
        async throws
    {
        try await with(engine, api) { assistant, model in
            try await model.script(Self.reply, ["type": "reply", "text": "Rain.", "times": .null])
            func send(_ messages: [JSONValue], _ more: [String: JSONValue] = [:]) async -> TestResponse {
                let body: [String: JSONValue] = [
                    "model": .string(model.name), "tools": Self.tools,
                    "tool_choice": ["type": "auto", "disable_parallel_tool_use": true],
                ]
                return await assistant.post(
                    "/v1/messages", AssistantFixture.body(messages, body.merging(more) { $1 }))
            }
            let question = AssistantFixture.user("Weather?")
            let answer = await send([question])
            #expect(answer["stop_reason"] == "tool_use", "\(answer)")
            let blocks = answer["content"]?.array ?? []
            #expect(blocks.map { $0["type"]?.string } == ["text", "tool_use", "tool_use"])
            #expect(blocks.last?["input"] == ["city": "Bergen"] && blocks.last?["name"] == "weather")

            let stream = await send([question], ["stream": true]).chunks
            let begun = stream.compactMap { $0["content_block"]?["type"]?.string }
            #expect(begun == ["text", "tool_use", "tool_use"], "\(stream)")
            #expect(stream.filter { $0["type"] == "content_block_stop" }.map { $0["index"] } == [0, 1, 2])
            let parts = stream.filter { $0["index"] == 2 }.compactMap { $0["delta"]?["partial_json"]?.string }
            #expect(try JSONValue(parsing: parts.joined().utf8) == ["city": "Bergen"])
            #expect(stream[stream.count - 2]["delta"]?["stop_reason"] == "tool_use")

            let results = blocks.filter { $0["type"] == "tool_use" }.map { block -> JSONValue in
                [
                    "type": "tool_result", "tool_use_id": block["id"] ?? .null, "content": "No such city.",
                    "is_error": true,
                ]
            }
            let history: [JSONValue] = [
                question, ["role": "assistant", "content": .array(blocks)],
                ["role": "user", "content": .array(results)],
            ]
            let last = await send(history)
            #expect(last["content"]?[0]?["text"] == "Rain.", "\(last)")
            let sent = try #require(try await model.requests().last?["body"])
            if api == .openAI {
                #expect(sent["messages"]?.array?.map { $0["role"]?.string } == ["user", "assistant", "tool", "tool"])
                #expect(sent["parallel_tool_calls"] == false)
            } else {
                #expect(sent["messages"]?[2]?["content"]?[1]?["is_error"] == true)
                #expect(sent["tool_choice"] == ["type": "auto", "disable_parallel_tool_use": true])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `calls and results are stored in a session, and a call without a result is left out`(engine: Engine)
        async throws
    {
        try await with(engine, .openAI) { assistant, model in
            try await model.script(
                Self.reply.merging(["times": 1]) { $1 }, ["type": "reply", "text": "Rain."],
                Self.reply.merging(["times": 1]) { $1 }, ["type": "reply", "text": "Hello.", "times": .null])
            let session = try await assistant.session()
            let more: [String: JSONValue] = ["session_id": .string(session), "tools": Self.functions]
            let calls = await assistant.chat("Weather?", more)["choices"]?[0]?["message"]?["tool_calls"]?.array ?? []
            let results = calls.map { call -> JSONValue in
                ["role": "tool", "tool_call_id": call["id"] ?? .null, "content": "5 degrees"]
            }
            let second = await assistant.post("/v1/chat/completions", AssistantFixture.body(results, more))
            #expect(second["choices"]?[0]?["message"]?["content"] == "Rain.", "\(second)")
            let stored = await assistant.get("/v1/sessions/\(session)/messages")["messages"]?.array ?? []
            #expect(stored.map { $0["role"]?.string } == ["user", "assistant", "user", "user", "assistant"])
            #expect(stored[0]["parts"] == nil && stored[1]["content"] == "I look.")
            #expect(stored[1]["parts"]?.array?.map { $0["type"]?.string } == ["text", "tool_call", "tool_call"])
            #expect(stored[2]["parts"]?[0]?["tool_call_id"] == calls[0]["id"] && stored[2]["content"] == "5 degrees")
            #expect(await assistant.get("/v1/sessions/search?q=degrees")["total"] == 2)

            _ = await assistant.chat("And now?", more)
            #expect(await assistant.chat("Never mind.", more).status == 200)
            let sent = try #require(try await model.requests().last?["body"]?["messages"]?.array)
            #expect(
                sent.map { $0["role"]?.string } == [
                    "user", "assistant", "tool", "tool", "assistant", "user", "assistant", "user",
                ])
            #expect(sent[1]["tool_calls"]?.array?.count == 2 && sent[6]["tool_calls"] == nil)
        }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `images, schemas and settings are passed on, and images are counted`(engine: Engine, api: ModelUpstream.API)
        async throws
    {
        try await with(engine, api) { assistant, model in
            let url = "https://images.example.com/a.png"
            let answer = await assistant.post(
                "/v1/chat/completions",
                AssistantFixture.body(
                    [
                        [
                            "role": "user",
                            "content": [
                                ["type": "text", "text": "What is this?"],
                                ["type": "image_url", "image_url": ["url": "data:image/png;base64,iVBORw0="]],
                                ["type": "image_url", "image_url": ["url": .string(url), "detail": "low"]],
                            ],
                        ]
                    ],
                    [
                        "seed": 7, "presence_penalty": 0.5, "stop": ["END"],
                        "response_format": [
                            "type": "json_schema", "json_schema": ["name": "answer", "schema": Self.schema],
                        ],
                    ]))
            #expect(answer.status == 200, "\(answer)")
            #expect(try await assistant.reservedTokens()[0] > 20_000)
            let sent = try #require(try await model.requests().first?["body"])
            let content = sent["messages"]?[0]?["content"]
            if api == .openAI {
                #expect(content?[1]?["image_url"]?["url"] == "data:image/png;base64,iVBORw0=")
                #expect(content?[2]?["image_url"]?["url"]?.string == url)
                #expect(sent["seed"] == 7 && sent["presence_penalty"] == 0.5 && sent["stop"] == ["END"])
                #expect(sent["response_format"]?["json_schema"]?["schema"] == Self.schema)
            } else {
                #expect(content?[1]?["source"]?["media_type"] == "image/png")
                #expect(content?[2]?["source"] == ["type": "url", "url": .string(url)])
                #expect(sent["stop_sequences"] == ["END"])
                #expect(sent["output_config"]?["format"]?["type"] == "json_schema")
            }
            _ = await assistant.chat("As JSON.", ["response_format": ["type": "json_object"]])
            let last = try #require(try await model.requests().last?["body"])
            #expect(
                api == .openAI
                    ? last["response_format"] == ["type": "json_object"]
                    : last["system"]?.string?.contains("JSON object") == true)
        }
    }

    @Test(arguments: Engine.available, ModelUpstream.API.allCases)
    func `images in results of tools are passed on where the service's API has them`(
        engine: Engine, api: ModelUpstream.API
    ) async throws {
        try await with(engine, api) { assistant, model in
            try await model.script(["type": "reply", "text": "A map.", "times": .null])
            let image: JSONValue = [
                "type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "iVBORw0="],
            ]
            let input: JSONValue = ["city": "Oslo"]
            let use: JSONValue = ["type": "tool_use", "id": "call_a", "name": "weather", "input": input]
            let result: JSONValue = [
                "type": "tool_result", "tool_use_id": "call_a",
                "content": [["type": "text", "text": "Seen:"], image],
            ]
            let session = try await assistant.session()
            let first = await assistant.post(
                "/v1/messages",
                AssistantFixture.body(
                    [
                        AssistantFixture.user("Weather?"), ["role": "assistant", "content": [use]],
                        ["role": "user", "content": [result]],
                    ],
                    ["model": .string(model.name), "tools": Self.tools, "session_id": .string(session)]))
            let call: JSONValue = [
                "id": "call_b", "type": "function", "function": ["name": "weather", "arguments": "{}"],
            ]
            let second = await assistant.post(
                "/v1/chat/completions",
                AssistantFixture.body(
                    [
                        AssistantFixture.user("Weather?"), ["role": "assistant", "tool_calls": [call]],
                        [
                            "role": "tool", "tool_call_id": "call_b",
                            "content": [
                                ["type": "image_url", "image_url": ["url": "data:image/png;base64,iVBORw0="]]
                            ],
                        ],
                    ], ["tools": Self.functions]))
            guard api == .anthropic else {
                #expect(first.status == 400 && first["code"] == "model-refused", "\(first)")
                #expect(second.status == 400 && second["error"]?["code"] == "model-refused", "\(second)")
                #expect(try await model.requests().isEmpty)
                return
            }
            #expect(first.status == 200 && second.status == 200, "\(first) \(second)")
            let sent = try await model.requests().compactMap { $0["body"]?["messages"]?[2]?["content"]?[0] }
            try #require(sent.count == 2)
            #expect(sent[0]["content"]?[0]?["text"] == "Seen:" && sent[0]["content"]?[1] == image)
            #expect(sent[1]["content"] == [image] && sent[1]["tool_use_id"] == "call_b")
            #expect(try await assistant.reservedTokens()[0] > 10_000)
            let stored = await assistant.get("/v1/sessions/\(session)/messages")["messages"]?[2]
            #expect(stored?["content"] == "Seen:")
            #expect(stored?["parts"]?[0]?["content"]?[1]?["media_type"] == "image/png")
        }
    }

    @Test func `what is broken is refused in the form of OpenAI's API`() async throws {
        let functions = Self.functions
        let call: JSONValue = [
            "role": "assistant",
            "tool_calls": [["id": "a", "type": "function", "function": ["name": "weather", "arguments": "{}"]]],
        ]
        func image(_ url: String) -> JSONValue {
            [["role": "user", "content": [["type": "image_url", "image_url": ["url": .string(url)]]]]]
        }
        func tool(_ function: JSONValue) -> JSONValue { [["type": "function", "function": function]] }
        let url = "messages.0.content.0.image_url.url"
        try await withAssistant(.sqlite) { assistant in
            for (members, pointer) in [
                (["tools": tool(["name": "a"])], "tools.0.function.parameters"),
                (["tools": tool(["name": "a", "parameters": ["type": "string"]])], "tools.0.function.parameters"),
                (["tools": tool(["name": "a b", "parameters": Self.schema])], "tools.0.function.name"),
                (["tools": tool([:])], "tools.0.function.parameters"),
                (["tools": [["type": "custom"]]], "tools.0.type"),
                (["tools": .array([Self.functions[0], Self.functions[0]].compactMap(\.self))], "tools.1"),
                (["tool_choice": "required"], "tool_choice"),
                (["tools": functions, "tool_choice": "any"], "tool_choice"),
                (
                    ["tools": functions, "tool_choice": ["type": "function", "function": ["name": "x"]]],
                    "tool_choice.function.name"
                ), (["messages": [AssistantFixture.user("Hi"), call]], "messages"),
                (["messages": [["role": "tool", "tool_call_id": "a", "content": "x"]]], "messages"),
                (["messages": [["role": "tool", "content": "x"]]], "messages.0.tool_call_id"),
                (["messages": image("data:image/png;base64,AAA")], url),
                (["messages": image("data:image/png;base64,A*==")], url),
                (["messages": image("data:text/html;base64,AAAA")], url),
                (["messages": image("http://example.com/a.png")], url),
                (["messages": image("file:///etc/passwd")], url),
                (["response_format": ["type": "xml"]], "response_format.type"),
                (
                    ["response_format": ["type": "json_schema", "json_schema": ["name": "a"]]],
                    "response_format.json_schema.schema"
                ), (["logprobs": true], "logprobs"), (["functions": [[:]]], "functions"),
                (["presence_penalty": 3], "presence_penalty"),
            ] as [([String: JSONValue], String)] {
                let refused = await assistant.chat("Hi", members)
                #expect(refused.status == 422 && refused["error"]?["param"] == .string(pointer), "\(refused)")
            }
            // Of nine megabytes.
            let large = await assistant.chat(String(repeating: "x", count: 9 << 20))
            #expect(large.status == 413 && large["error"]?["type"] == "invalid_request_error", "\(large)")
            let turns = try await assistant.turns()
            #expect(turns.isEmpty)
        }
    }

    @Test func `what is broken is refused in the form of Anthropic's API`() async throws {
        func image(_ source: JSONValue) -> JSONValue {
            [["role": "user", "content": [["type": "image", "source": source]]]]
        }
        try await withAssistant(.sqlite) { assistant in
            for (members, pointer) in [
                (["tools": [["name": "a"]]], "/tools/0/input_schema"),
                (["tools": [["type": "web_search_20250305", "name": "web_search"]]], "/tools/0/type"),
                (["tool_choice": ["type": "any"]], "/tool_choice/type"),
                (
                    ["messages": image(["type": "base64", "media_type": "image/png", "data": "not base64"])],
                    "/messages/0/content/0/source/data"
                ), (["messages": image(["type": "file", "file_id": "f"])], "/messages/0/content/0/source"),
                (
                    ["messages": [["role": "user", "content": [["type": "tool_result", "tool_use_id": "a"]]]]],
                    "/messages"
                ),
                (["output_config": ["format": ["type": "xml"]]], "/output_config/format"),
            ] as [([String: JSONValue], String)] {
                let body: [String: JSONValue] = ["model": "echo"]
                let refused = await assistant.post(
                    "/v1/messages",
                    AssistantFixture.body([AssistantFixture.user("Hi")], body.merging(members) { $1 }))
                #expect(refused.status == 422 && refused["error"]?["type"] == "invalid_request_error", "\(refused)")
                #expect(refused["errors"]?[0]?["pointer"] == .string(pointer), "\(refused)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of a long session the model gets the instructions and the newest turns`(engine: Engine) async throws {
        let model = try TestModels.model()
        let upstream = try model.upstream(.openAI)
        try await withAssistant(
            engine,
            change: {
                $0.use(model.name, at: upstream)
                $0.contextTokens = 1_000
            }
        ) { assistant in
            try await model.script(["type": "reply", "text": "Yes.", "times": .null])
            let session = try await assistant.session()
            let system: JSONValue = ["role": "system", "content": "Be brief."]
            for name in ["First", "Second", "Third"] {
                // About 500 tokens each; the answer has 100.
                let text = "\(name) \(String(repeating: "x", count: 1_990))"
                let answer = await assistant.post(
                    "/v1/chat/completions",
                    AssistantFixture.body(
                        [system, AssistantFixture.user(text)], ["session_id": .string(session)]))
                #expect(answer.status == 200, "\(answer)")
            }
            let sent = try await model.requests().map { request in
                (request["body"]?["messages"]?.array ?? []).map { $0["content"]?.string?.prefix(6) }
            }
            #expect(sent == [["Be bri", "First "], ["Be bri", "Second"], ["Be bri", "Third "]])
            #expect(await assistant.messages(session).count == 7)
        }
    }
}
