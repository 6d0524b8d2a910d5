import App
import Base
import Modules
import TestKit
import Testing

/// `POST /v1/messages`, in the shapes that Anthropic's clients read.
@Suite struct AnthropicMessageTests {
    private static let body: JSONValue = [
        "model": "echo", "max_tokens": 50, "system": [["type": "text", "text": "Be brief."]],
        "messages": [
            ["role": "user", "content": [["type": "text", "text": "Good "], ["type": "text", "text": "day"]]]
        ],
        "metadata": ["user_id": "u"],
    ]

    @Test(arguments: Engine.available)
    func `an answer has Anthropic's shape`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let answer = await assistant.post("/v1/messages", Self.body)
            #expect(answer.status == 200, "\(answer)")
            #expect(answer["id"]?.string?.hasPrefix("msg_") == true)
            #expect(answer["type"] == "message" && answer["role"] == "assistant" && answer["model"] == "echo")
            #expect(answer["stop_reason"] == "end_turn")
            let block = answer["content"]?[0]
            #expect(block?["type"] == "text" && block?["text"]?.string?.hasSuffix("You wrote: Good day") == true)
            let usage = answer["usage"]
            let total = (usage?["input_tokens"]?.integer ?? 0) + (usage?["output_tokens"]?.integer ?? 0)
            #expect(total > 0)
            #expect(await assistant.tokens() == [total, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a stream has Anthropic's events`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            var body = Self.body.object ?? [:]
            body["stream"] = true
            body["max_tokens"] = 3
            let stream = await assistant.post("/v1/messages", .object(body))
            #expect(stream.headers["content-type"] == "text/event-stream; charset=utf-8")
            let events = stream.chunks
            #expect(
                events.compactMap { $0["type"]?.string } == [
                    "message_start", "content_block_start", "content_block_delta", "content_block_delta",
                    "content_block_delta", "content_block_stop", "message_delta", "message_stop",
                ], "\(stream)")
            #expect(stream.text.hasPrefix("event: message_start\ndata: "))
            #expect(events.compactMap { $0["delta"]?["text"]?.string }.joined() == "This is a")
            #expect(events[6]["delta"]?["stop_reason"] == "max_tokens" && events[6]["usage"]?["output_tokens"] == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `every refusal has Anthropic's shape`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let anonymous = await assistant.app.call("POST", "/v1/messages", json: Self.body)
            #expect(anonymous.status == 401 && anonymous["error"]?["type"] == "authentication_error", "\(anonymous)")
            #expect(anonymous["type"] == "error" && anonymous["request_id"]?.string != nil)
            var body = Self.body.object ?? [:]
            body["max_tokens"] = nil
            let invalid = await assistant.post("/v1/messages", .object(body))
            #expect(invalid.status == 422 && invalid["error"]?["type"] == "invalid_request_error", "\(invalid)")
            body["max_tokens"] = 1
            body["model"] = "other"
            let unknown = await assistant.post("/v1/messages", .object(body))
            #expect(unknown.status == 404 && unknown["error"]?["type"] == "not_found_error", "\(unknown)")
        }
    }
}
