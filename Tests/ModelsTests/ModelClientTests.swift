import Base
import Models
import TestKit
import Testing

@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct ModelClientTests {
    private static let weather = ModelTool(
        name: "weather", description: "The weather of a city.",
        parameters: ["type": "object", "properties": ["city": ["type": "string"]], "required": ["city"]])

    @Test(arguments: ModelUpstream.API.allCases)
    func `an answer has its text, its end and its tokens`(api: ModelUpstream.API) async throws {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(["type": "reply", "text": "Good morning."])
        let response = try await fixture.client.complete(fixture.request())
        #expect(response.choices == [.init(text: "Good morning.", finish: .ended)])
        #expect(response.model == fixture.model.name && !response.id.isEmpty)
        #expect(try #require(response.usage).input > 0)
        #expect(try #require(response.usage).output > 0)
        #expect(fixture.pauses.all.isEmpty)
    }

    @Test(arguments: ModelUpstream.API.allCases)
    func `a streamed answer arrives in parts, and is the same in the end`(api: ModelUpstream.API) async throws {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(["type": "reply", "text": "One two three."])
        let (events, response, error) = await fixture.client.streamed(fixture.request())
        #expect(error == nil)
        let texts = events.compactMap { if case .text(let text) = $0.kind { text } else { nil } }
        #expect(texts.count > 1 && texts.joined() == "One two three.")
        #expect(events.last == ModelEvent(choice: 0, .finished(.ended)))
        #expect(response?.choices == [.init(text: "One two three.", finish: .ended)])
        #expect(response?.model == fixture.model.name && response?.id.isEmpty == false)
        #expect((response?.usage?.input ?? 0) > 0 && (response?.usage?.output ?? 0) > 0)
    }

    @Test(arguments: ModelUpstream.API.allCases, [false, true])
    func `calls of tools are handed on, and their results are sent back`(api: ModelUpstream.API, streams: Bool)
        async throws
    {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(
            [
                "type": "reply", "text": "I look.",
                "tool_calls": [
                    ["name": "weather", "arguments": ["city": "Oslo, in Norway"]],
                    ["name": "weather", "arguments": [:]],
                ],
            ], ["type": "reply", "text": "Rain."])
        var request = fixture.request("What is the weather in Oslo?")
        request.tools = [Self.weather]
        request.toolChoice = .required
        let response: ModelResponse
        if streams {
            let (events, streamed, _) = await fixture.client.streamed(request)
            response = try #require(streamed)
            let begun = events.compactMap {
                if case .toolCall(let index, _, let name) = $0.kind { "\(index) \(name)" } else { nil }
            }
            #expect(begun == ["0 weather", "1 weather"])
            let arguments = events.compactMap { if case .toolArguments(0, let text) = $0.kind { text } else { nil } }
            #expect(arguments.count > 1)
        } else {
            response = try await fixture.client.complete(request)
        }
        let choice = response.choices[0]
        #expect(choice.text == "I look." && choice.finish == .toolCalls)
        #expect(choice.toolCalls.map(\.name) == ["weather", "weather"])
        #expect(choice.toolCalls.map(\.object) == [["city": "Oslo, in Norway"], [:]])
        #expect(choice.toolCalls.allSatisfy { !$0.id.isEmpty })

        request.messages += [
            choice.message,
            ModelMessage(
                .user,
                choice.toolCalls.map { .textResult(of: $0.id, "5 °C") }
                    + [.text("In one word?")]),
        ]
        request.toolChoice = .auto
        #expect(try await fixture.client.complete(request).choices[0].text == "Rain.")
        let messages = try #require(try await fixture.model.requests().last?["body"]?["messages"]?.array)
        if api == .openAI {
            #expect(messages.map { $0["role"]?.string } == ["user", "assistant", "tool", "tool", "user"])
            #expect(messages[1]["tool_calls"]?[0]?["function"]?["arguments"]?.string == choice.toolCalls[0].arguments)
            #expect(messages[2]["tool_call_id"]?.string == choice.toolCalls[0].id)
        } else {
            #expect(messages.map { $0["role"]?.string } == ["user", "assistant", "user"])
            #expect(messages[1]["content"]?[1]?["input"] == ["city": "Oslo, in Norway"])
            #expect(messages[2]["content"]?[0]?["tool_use_id"]?.string == choice.toolCalls[0].id)
            #expect(messages[2]["content"]?.array?.count == 3)
        }
    }

    @Test(arguments: ModelUpstream.API.allCases)
    func `every part of a request reaches the service`(api: ModelUpstream.API) async throws {
        let fixture = try ModelsFixture(api)
        let schema: JSONValue = [
            "type": "object", "additionalProperties": false, "required": ["maximum"],
            "properties": ["maximum": ["type": "integer", "minimum": 1, "maximum": 9]],
        ]
        let request = ModelRequest(
            model: fixture.model.name,
            messages: [
                ModelMessage(.system, "Be brief."),
                ModelMessage(
                    .user,
                    [
                        .text("What is this?"), .image(.data(mediaType: "image/png", base64: "AAAA")),
                        .image(.url("https://example.com/a.png")),
                    ]), ModelMessage(.assistant, ""),
            ],
            tokensMax: 77, temperature: 1.5, topP: 0.5, stopSequences: ["END"], tools: [Self.weather],
            toolChoice: .tool("weather"), schema: ModelSchema(name: "answer", json: schema))
        _ = try await fixture.client.complete(request)
        let sent = try #require(try await fixture.model.requests().first?["body"])
        let image = "data:image/png;base64,AAAA"
        if api == .openAI {
            #expect(
                sent == [
                    "model": .string(fixture.model.name), "max_tokens": 77, "temperature": 1.5, "top_p": 0.5,
                    "stop": ["END"], "stream": false,
                    "messages": [
                        ["role": "system", "content": "Be brief."],
                        [
                            "role": "user",
                            "content": [
                                ["type": "text", "text": "What is this?"],
                                ["type": "image_url", "image_url": ["url": .string(image)]],
                                ["type": "image_url", "image_url": ["url": "https://example.com/a.png"]],
                            ],
                        ], ["role": "assistant", "content": ""],
                    ],
                    "tools": [
                        [
                            "type": "function",
                            "function": [
                                "name": "weather", "description": "The weather of a city.",
                                "parameters": Self.weather.parameters,
                            ],
                        ]
                    ], "tool_choice": ["type": "function", "function": ["name": "weather"]],
                    "response_format": [
                        "type": "json_schema", "json_schema": ["name": "answer", "schema": schema],
                    ],
                ])
        } else {
            #expect(
                sent == [
                    "model": .string(fixture.model.name), "max_tokens": 77, "temperature": 1, "top_p": 0.5,
                    "stop_sequences": ["END"], "stream": false, "system": "Be brief.",
                    "messages": [
                        [
                            "role": "user",
                            "content": [
                                ["type": "text", "text": "What is this?"],
                                [
                                    "type": "image",
                                    "source": ["type": "base64", "media_type": "image/png", "data": "AAAA"],
                                ],
                                ["type": "image", "source": ["type": "url", "url": "https://example.com/a.png"]],
                            ],
                        ]
                    ],
                    "tools": [
                        [
                            "name": "weather", "description": "The weather of a city.",
                            "input_schema": Self.weather.parameters,
                        ]
                    ], "tool_choice": ["type": "tool", "name": "weather"],
                    "output_config": [
                        "format": [
                            "type": "json_schema",
                            "schema": [
                                "type": "object", "additionalProperties": false, "required": ["maximum"],
                                // Bounds are left out, and a property of such a name is not.
                                "properties": ["maximum": ["type": "integer"]],
                            ],
                        ]
                    ],
                ])
        }
    }

    @Test(arguments: ModelUpstream.API.allCases, [false, true])
    func `several answers are numbered, and their tokens added up`(api: ModelUpstream.API, streams: Bool) async throws {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(["type": "reply", "text": "Yes.", "times": .null])
        let one = try #require(try await fixture.client.complete(fixture.request()).usage)
        var request = fixture.request()
        request.count = 3
        let response: ModelResponse
        if streams {
            let (events, streamed, _) = await fixture.client.streamed(request)
            response = try #require(streamed)
            let ends = events.filter { if case .finished = $0.kind { true } else { false } }
            #expect(ends.map(\.choice) == [0, 1, 2])
        } else {
            response = try await fixture.client.complete(request)
        }
        #expect(response.choices.map(\.text) == ["Yes.", "Yes.", "Yes."])
        if api == .anthropic {
            #expect(response.usage == ModelUsage(input: one.input * 3, output: one.output * 3))
        }
    }

    @Test(arguments: [
        (ModelUpstream.API.openAI, "length", ModelFinish.tokensMax), (.openAI, "content_filter", .refused),
        (.openAI, "odd", .other("odd")), (.anthropic, "length", .tokensMax), (.anthropic, "content_filter", .refused),
        (.anthropic, "stop_sequence", .stopSequence("")), (.anthropic, "pause_turn", .other("pause_turn")),
    ])
    func `answers end for reasons that both APIs share`(api: ModelUpstream.API, reason: String, finish: ModelFinish)
        async throws
    {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(
            ["type": "reply", "text": "So", "finish_reason": .string(reason), "times": 2])
        #expect(try await fixture.client.complete(fixture.request()).choices[0].finish == finish)
        #expect(await fixture.client.streamed(fixture.request()).response?.choices[0].finish == finish)
    }

    @Test(arguments: ModelUpstream.API.allCases)
    func `an error of the caller ends the stream, and is the caller's`(api: ModelUpstream.API) async throws {
        struct Own: Error {}
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(["type": "reply", "text": "One two three four."])
        await #expect(throws: Own.self) {
            try await fixture.client.stream(fixture.request()) { _ in throw Own() }
        }
        #expect(fixture.pauses.all.isEmpty)
    }

    @Test func `a tool whose arguments are broken is handed on as it was written`() async throws {
        let fixture = try ModelsFixture(.openAI)
        try await fixture.model.script(["type": "tool_fault", "kind": "malformed_arguments", "times": 2])
        var request = fixture.request()
        request.tools = [Self.weather]
        for response in [
            try await fixture.client.complete(request), try #require(await fixture.client.streamed(request).response),
        ] {
            let call = try #require(response.choices[0].toolCalls.first)
            #expect(!call.arguments.isEmpty && call.object == nil)
        }
    }
}
