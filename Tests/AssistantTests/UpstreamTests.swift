import App
import Assistant
import Base
import Entitlements
import HTTPTypes
import Modules
import TestKit
import Testing

/// Turns whose service answers, refuses, breaks off, or works for longer than its client waits.
@Suite struct UpstreamTests {
    @Test(arguments: Engine.available)
    func `tokens are settled by what the service counted, at the price of the model`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytesAndClose(Upstream.answer("Yes.", input: 11, output: 7))) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                let answer = await assistant.chat("Well?", ["system_prompt": "Be brief.", "temperature": 0.5])
                #expect(answer.status == 200 && answer["choices"]?[0]?["message"]?["content"] == "Yes.", "\(answer)")
                // 11 × 3 + 7 × 15 millionths of a dollar.
                #expect(answer["usage"]?["total_cost"]?.number == 0.000138)
                #expect(await assistant.tokens() == [18, 0])
                #expect(server.requests.first?.hasPrefix("POST /path/chat/completions ") == true)
            }
        }
    }

    @Test(arguments: Engine.available, [true, false])
    func `the service gets the trace of the request, where requests are traced`(engine: Engine, isStreamed: Bool)
        async throws
    {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let answer = Upstream.answer("Yes.", input: 11, output: 7)
        try await ScriptedServer.with(.bytesAndClose(answer)) { server in
            try await WebhookReceiver.with { collector in
                try await withAssistant(
                    engine, upstream: server,
                    change: {
                        $0.tracesEndpoint = "http://127.0.0.1:\(collector.port)"
                        $0.trustedProxies = ["198.51.100.7"]
                    }
                ) { assistant in
                    let json = AssistantFixture.body(
                        [AssistantFixture.user("Well?")], ["stream": .bool(isStreamed)])
                    let sent = await assistant.app.call(
                        "POST", "/v1/chat/completions", json: json, token: assistant.person.token,
                        headers: ["traceparent": "00-\(trace)-00f067aa0ba902b7-01"], address: "198.51.100.7")
                    #expect(sent.status == 200, "\(sent)")
                    await assistant.app.app.traces?.exporter.flush()
                    let spans = collector.messages.flatMap {
                        $0.json["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array ?? []
                    }.filter { $0["traceId"] == .string(trace) }
                    let (first, second) = (spans.first { $0["kind"] == 2 }, spans.first { $0["kind"] == 3 })
                    let (request, call) = (try #require(first), try #require(second))
                    #expect(request["name"] == "POST /v1/chat/completions")
                    #expect(call["name"] == "POST 127.0.0.1" && call["parentSpanId"] == request["spanId"])
                    let id = try #require(call["spanId"]?.string)
                    let head = try #require(server.requests.first)
                    #expect(head.contains("traceparent: 00-\(trace)-\(id)-01\r\n"), "\(head)")
                    #expect(!collector.messages.contains { String(decoding: $0.body, as: UTF8.self).contains("Well?") })
                }
            }
            try await withAssistant(engine, upstream: server) { assistant in
                _ = await assistant.chat("Well?")
                #expect(server.requests.last?.lowercased().contains("traceparent") == false)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an answer that breaks off is stored and charged as far as it came, and never asked for again`(
        engine: Engine
    ) async throws {
        try await ScriptedServer.with(.bytesAndClose(Upstream.beginning("One ", "two"))) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                let session = try await assistant.session()
                let whole = await assistant.chat("Count, please", ["session_id": .string(session)])
                #expect(whole.status == 502 && whole["error"]?["code"] == "model-failed", "\(whole)")
                let stored = [["user", "Count, please"], ["assistant", "One two"]]
                #expect(await assistant.messages(session) == stored)
                // Four tokens for 13 bytes, two for seven.
                #expect(await assistant.tokens() == [6, 0])
                #expect(server.requests.count == 1)

                let stream = await assistant.chat("And again", ["session_id": .string(session), "stream": true])
                #expect(stream.status == 200 && stream.streamedText == "One two")
                #expect(stream.chunks.last?["error"]?["type"] == "api_error", "\(stream)")
                #expect(!stream.events.contains("[DONE]"))
                #expect(await assistant.messages(session).count == 4 && server.requests.count == 2)
                let view = await assistant.get("/v1/sessions/\(session)")
                #expect(view["status"] == "error")
                #expect(await assistant.get("/v1/sessions/\(session)/stats")["error_count"] == 2)
                #expect(try await assistant.turns() == ["interrupted", "interrupted"])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a refused or failed request is charged nothing, and stores no message`(engine: Engine) async throws {
        try await ScriptedServer.with(
            .bytes(Upstream.refusal("400 Bad", "The prompt is too long.")),
            .bytes(Upstream.refusal("500 Error", "secret trouble"))
        ) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                let session = try await assistant.session()
                let refused = await assistant.chat("One", ["session_id": .string(session), "stream": true])
                #expect(refused.status == 400, "\(refused)")
                #expect(refused["error"]?["message"] == "The prompt is too long.")
                let failed = await assistant.chat("Two", ["session_id": .string(session)])
                #expect(failed.status == 502 && !failed.text.contains("secret"), "\(failed)")
                #expect(await assistant.messages(session).isEmpty)
                #expect(await assistant.tokens() == [0, 0])
                #expect(try await assistant.turns() == ["failed", "failed"])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `where a service fails before its first part, the next one of the file answers`(engine: Engine) async throws {
        func file(_ first: ScriptedServer, _ second: ScriptedServer) -> String {
            """
            {"upstreams": [
                {"name": "a", "api": "openai", "url": "\(first.url)", "key": "k", "models": ["large", "small"]},
                {"api": "openai", "url": "\(second.url)", "weight": 0,
                 "models": [{"name": "large", "at_service": "llama"}]}
            ]}
            """
        }
        try await ScriptedServer.with(
            .bytes(Upstream.refusal("503 Busy", "No capacity.")), .bytesAndClose(Upstream.beginning("Hal"))
        ) { first in
            try await ScriptedServer.with(.bytesAndClose(Upstream.answer("Yes.", input: 11, output: 7))) { second in
                try await withTextFile(file(first, second), "json") { path in
                    try await withAssistant(engine, change: { $0.assistantUpstreamsFile = path }) { assistant in
                        let models = await assistant.get("/v1/models")["data"]?.array?.map { $0["id"] }
                        #expect(models == ["large", "small"])
                        let answer = await assistant.chat("Well?")
                        #expect(answer["choices"]?[0]?["message"]?["content"] == "Yes.", "\(answer)")
                        #expect(answer["model"] == "large" && first.requests.count == 1)
                        #expect(await assistant.tokens() == [18, 0])
                        // A half-answered stream is never asked for again.
                        #expect(await assistant.chat("Well?").status == 502)
                        #expect(first.requests.count == 2 && second.requests.count == 1)
                    }
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a stopped answer ends, is stored as far as it came, and the service is left`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytes(Upstream.beginning("One"))) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                let session = try await assistant.session()
                let response = try await assistant.begin("Count", ["session_id": .string(session)])
                #expect(await assistant.get("/v1/sessions/\(session)")["status"] == "streaming")
                let second = await assistant.chat("Another", ["session_id": .string(session)])
                #expect(second.status == 409 && second["error"]?["code"] == "turn-in-progress", "\(second)")
                #expect(await assistant.post("/v1/sessions/\(session)/clear").code == "turn-in-progress")
                let other = try await assistant.app.register("other")
                #expect(await assistant.post("/v1/sessions/\(session)/stop", as: other).status == 404)
                let path = "/v1/chat/completions/\(session)"
                let running = await assistant.get("\(path)/status")
                #expect(running["is_running"] == true && running["status"] == "streaming", "\(running)")
                for refused in [
                    await assistant.get("\(path)/status", as: other), await assistant.delete(path, as: other),
                ] {
                    #expect(refused.status == 404 && refused["error"]?["code"] == "assistant-session-not-found")
                }
                // As its stop does.
                let stopped = await assistant.delete(path)
                #expect(stopped.status == 200 && stopped["session_id"] == .string(session), "\(stopped)")
                let stream = await TestResponse(response)
                #expect(stream.streamedText == "One" && stream.events.last == "[DONE]", "\(stream)")
                #expect(try await eventually { server.closedCount == 1 })
                #expect(await assistant.messages(session) == [["user", "Count"], ["assistant", "One"]])
                #expect(await assistant.get("/v1/sessions/\(session)")["status"] == "active")
                #expect(await assistant.get("\(path)/status")["is_running"] == false)
                #expect(await assistant.post("/v1/sessions/\(session)/stop")["message"] == "Nothing was under way")
                #expect(try await assistant.turns() == ["interrupted"])
                #expect(await assistant.tokens()[1] == 0)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the service is left when the client goes away, and what came is charged`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytes(Upstream.beginning("One"))) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                func begin() async throws {
                    let response = try await assistant.begin("Count")
                    #expect(response.status == .ok)
                }
                // The response is released unread, as that of a connection that was closed.
                try await begin()
                let isStored = try await eventually { try await assistant.turns() == ["interrupted"] }
                #expect(isStored)
                #expect(try await eventually { server.closedCount == 1 })
                #expect(await assistant.tokens() == [3, 0])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a turn of a killed process is charged in full after ten minutes, and only once`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytes(Upstream.beginning("One"))) { server in
            try await withAssistant(engine, upstream: server) { assistant in
                // The first pass registers the schedules.
                try await assistant.app.runJobs()
                let session = try await assistant.session()
                var response: Response? = try await assistant.begin("Count", ["session_id": .string(session)])
                #expect(response?.status == .ok)
                let reserved = try #require(await assistant.tokens()[1])
                // A byte is a token at most: five of the text, and the answer.
                #expect(reserved >= 105)
                assistant.app.clock.advance(by: .minutes(11))
                try await assistant.app.runJobs()
                #expect(await assistant.tokens() == [reserved, 0])
                #expect(try await assistant.turns() == ["interrupted"])
                // The process was alive after all.
                response = nil
                #expect(try await eventually { server.closedCount == 1 })
                #expect(await assistant.tokens() == [reserved, 0])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `whichever statement of a turn fails, tokens and messages agree`(engine: Engine) async throws {
        let loop = FaultLoop(
            checking: AssistantModule.invariants + EntitlementsModule.invariants, pause: .minutes(11))
        try await withAssistant(engine, databaseWrapper: loop.wrap) { assistant in
            let session = try await assistant.session()
            try await loop.run("a turn", on: assistant.app, atLeast: 10) {
                try await assistant.chat("Good morning", ["session_id": .string(session)]).require(200)
            } between: {
                // What a failed end has left is settled.
                try await assistant.app.runJobs()
                #expect(await assistant.tokens()[1] == 0)
                let states = try await assistant.turns()
                #expect(!states.contains("running"))
            }
        }
    }
}
