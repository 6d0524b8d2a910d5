import App
import Base
import Modules
import TestKit
import Testing

/// `POST /v1/chat/completions` and `GET /v1/models`, in the shapes that OpenAI's clients read.
@Suite struct ChatCompletionTests {
    @Test(arguments: Engine.available)
    func `an answer has OpenAI's shape, and its tokens are those of the quota`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let answer = await assistant.chat("Good morning", ["model": "echo", "logit_bias": [:], "user": "u"])
            #expect(answer.status == 200, "\(answer)")
            #expect(answer["id"]?.string?.hasPrefix("chatcmpl-") == true)
            #expect(answer["object"] == "chat.completion" && answer["model"] == "echo")
            #expect(answer["created"]?.integer == assistant.app.clock.now.seconds)
            let choice = answer["choices"]?[0]
            #expect(choice?["index"] == 0 && choice?["finish_reason"] == "stop")
            #expect(choice?["message"]?["role"] == "assistant")
            let text = try #require(choice?["message"]?["content"]?.string)
            #expect(text.hasSuffix("You wrote: Good morning") && text.contains("not a language model"))
            let usage = answer["usage"]
            let (input, output) = (usage?["prompt_tokens"]?.integer ?? 0, usage?["completion_tokens"]?.integer ?? 0)
            #expect(input == 3 && output > 5 && usage?["total_tokens"]?.integer == input + output)
            #expect(usage?["input_tokens"]?.integer == input && usage?["output_tokens"]?.integer == output)
            #expect(usage?["total_cost"] == 0)
            #expect(await assistant.tokens() == [input + output, 0])
            #expect(try await assistant.turns() == ["completed"])
            let statistics = await assistant.get("/v1/sessions/stats")
            #expect(statistics["total_tokens"]?.integer == input + output && statistics["active_sessions"] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a stream has the same answer in chunks, and ends when it is stored`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let whole = await assistant.chat("Good morning")["choices"]?[0]?["message"]?["content"]?.string
            let stream = await assistant.post(
                "/api/v1/chat/completions",
                AssistantFixture.body(
                    [AssistantFixture.user("Good morning")],
                    ["stream": true, "stream_options": ["include_usage": true]]))
            #expect(stream.status == 200 && stream.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(stream.streamedText == whole)
            #expect(stream.events.last == "[DONE]")
            let chunks = stream.chunks
            #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == chunks[0]["id"] })
            #expect(chunks[0]["choices"]?[0]?["delta"]?["role"] == "assistant")
            #expect(chunks[1]["choices"]?[0]?["finish_reason"] == .null)
            let end = chunks[chunks.count - 2]["choices"]?[0]
            #expect(end?["delta"] == [:] && end?["finish_reason"] == "stop")
            let usage = chunks.last?["usage"]?["total_tokens"]?.integer
            #expect(chunks.last?["choices"] == [] && usage != nil)
            #expect(await assistant.tokens() == [(usage ?? 0) * 2, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `several answers are asked for by n, and each is charged`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let answer = await assistant.chat("Hi", ["n": 3, "max_tokens": 2])
            let choices = answer["choices"]?.array ?? []
            #expect(choices.map { $0["index"] } == [0, 1, 2] && choices[2]["finish_reason"] == "length", "\(answer)")
            #expect(answer["usage"]?["completion_tokens"] == 6)
            let stream = await assistant.chat("Hi", ["n": 2, "stream": true])
            #expect(stream.chunks.filter { $0["choices"]?[0]?["finish_reason"] == "stop" }.count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `every refusal has OpenAI's shape, or Anthropic's where its version is sent`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let body = AssistantFixture.body([AssistantFixture.user("Hi")])
            let anonymous = await assistant.app.call(
                "POST", "/v1/chat/completions", json: body, headers: ["X-Request-ID": "request-one"])
            #expect(anonymous.status == 401 && anonymous.headers["www-authenticate"] != nil)
            #expect(anonymous.headers["content-type"] == "application/json; charset=utf-8")
            #expect(
                anonymous.json == [
                    "error": [
                        "message": "Missing authorization header", "type": "authentication_error", "param": .null,
                        "code": "missing-authorization",
                    ], "code": "missing-authorization", "request_id": "request-one",
                ], "\(anonymous)")
            let other = await assistant.app.call(
                "GET", "/v1/models", headers: ["anthropic-version": "2023-06-01", "X-Request-ID": "request-one"])
            #expect(
                other.json == [
                    "type": "error",
                    "error": ["type": "authentication_error", "message": "Missing authorization header"],
                    "code": "missing-authorization", "request_id": "request-one",
                ], "\(other)")
            let unknown = await assistant.chat("Hi", ["model": "gpt-0"])
            #expect(unknown.status == 404 && unknown["error"]?["code"] == "assistant-model-not-found", "\(unknown)")
            #expect(unknown["error"]?["type"] == "invalid_request_error")
            for (member, value, pointer) in [
                ("temperature", 3, "temperature"),
                ("messages", [["role": "robot", "content": "Hi"]], "messages.0.role"),
                ("messages", [], "messages"), ("tools", [[:]], "tools.0.type"), ("stop", 1, "stop"),
                ("messages", [["role": "user", "content": [["type": "image_url"]]]], "messages.0.content.0"),
                ("messages", [["role": "user", "content": "a\u{0}b"]], "messages"),
            ] as [(String, JSONValue, String)] {
                let refused = await assistant.chat("Hi", [member: value])
                #expect(refused.status == 422 && refused["error"]?["param"] == .string(pointer), "\(refused)")
            }
            let turns = try await assistant.turns()
            #expect(turns == [])
        }
    }

    @Test(arguments: Engine.available)
    func `an API key is a credential, also as a bearer, where it has the scope`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            for (scope, status) in [("assistant", 200), ("identity.read", 403)] {
                let key = try await assistant.key(scope)
                for headers in [["x-api-key": key], ["Authorization": "Bearer \(key)"]] {
                    let answer = await assistant.app.call(
                        "POST", "/v1/chat/completions", json: AssistantFixture.body([AssistantFixture.user("Hi")]),
                        headers: headers)
                    #expect(answer.status == status, "\(answer)")
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an allowance without a plan ends with the month`(engine: Engine) async throws {
        let plans = """
            meters: { tokens: Token }
            default: { concurrency: { chat_sessions: 2 }, limits: { tokens: 250 } }
            plans:
              - { id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }
              - { id: student, name: Student, start: anyone, limits: { tokens: 1000 }, file_mb: 1, storage_mb: 1 }
            """
        try await withPlansFile(plans) { file in
            try await withAssistant(engine, change: { $0.plansFile = file }) { assistant in
                let person = try await assistant.app.register("unsubscribed")
                var answers = 0
                while await assistant.chat("Hi", as: person).status == 200 { answers += 1 }
                #expect(answers > 1)
                #expect(await assistant.chat("Hi", as: person).code == "tokens-exhausted")
                // The clock of tests begins on the last day of a month.
                assistant.app.clock.advance(by: .days(1))
                #expect(await assistant.chat("Hi", as: person).status == 200)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the models are listed for clients of both APIs`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let list = await assistant.get("/v1/models")
            #expect(list["object"] == "list" && list["has_more"] == false, "\(list)")
            #expect(list["data"]?.array?.map { $0["id"] } == ["echo"])
            let model = await assistant.get("/v1/models/echo")
            #expect(model["object"] == "model" && model["type"] == "model" && model["owned_by"] == "gatehouse")
            let capabilities = await assistant.get("/v1/models/capabilities")["data"]
            #expect(capabilities?.array?.map { $0["id"] } == ["echo"] && capabilities?[0]?["tools"] == false)
            #expect(capabilities?[0]?["context_tokens"] == 200_000 && capabilities?[0]?["input_price"] == 0)
            #expect(await assistant.get("/v1/models/other")["error"]?["code"] == "assistant-model-not-found")
        }
    }

    @Test func `in production there is no echo`() async throws {
        try await withTestApp(
            .sqlite,
            change: {
                $0.environment = .production
                $0.secretKey = "a secret of a test with enough characters"
            }
        ) { app in
            let person = try await app.register()
            let answer = await app.call(
                "POST", "/v1/chat/completions", json: AssistantFixture.body([AssistantFixture.user("Hi")]),
                token: person.token)
            #expect(answer.status == 503 && answer.code == "not-configured", "\(answer)")
            #expect(await app.call("GET", "/v1/models", token: person.token)["data"] == [])
        }
    }
}
