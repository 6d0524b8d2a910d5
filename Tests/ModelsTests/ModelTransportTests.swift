import Base
import Models
import Outbound
import TestKit
import Testing

/// Against a server with scripted bytes: what llmock does not do.
@Suite struct ModelTransportTests {
    private static let key = "sk-0123456789abcdef"
    private let pauses = Pauses()

    private func client(
        _ api: ModelUpstream.API, at server: ScriptedServer, _ settings: ModelClientSettings = ModelClientSettings()
    ) throws -> any ModelClient {
        try ModelUpstream(api, baseURL: "http://127.0.0.1:\(server.port)/", key: ModelKey(Self.key))
            .client(settings, runtime: .system) { [pauses] in pauses.add($0) }
    }

    private let request = ModelRequest(
        model: "m", messages: [ModelMessage(.user, "Hello?")], tokensMax: 10, timeout: .seconds(10))

    private static func response(_ status: String, _ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    private static let completion = #"{"choices":[{"index":0,"message":{"content":"Yes."},"finish_reason":"stop"}]}"#

    private static func chunk(_ text: String) -> String {
        #"data: {"choices":[{"index":0,"delta":{"content":"\#(text)"}}]}"# + "\n\n"
    }

    @Test func `each API has its path and its field of the key`() async throws {
        for (api, path, field) in [
            (ModelUpstream.API.openAI, "/chat/completions", "authorization: bearer \(Self.key)"),
            (.anthropic, "/v1/messages", "x-api-key: \(Self.key)"),
        ] {
            try await ScriptedServer.with(.bytes(Self.response("400 Bad", "{}"))) { server in
                _ = try await client(api, at: server).failure(request)
                let sent = try #require(server.requests.first)
                #expect(sent.hasPrefix("POST \(path) HTTP/1.1\r\n"))
                #expect(sent.lowercased().contains("\r\n\(field)\r\n"))
                #expect(sent.lowercased().contains("\r\ncontent-type: application/json\r\n"))
                #expect(sent.contains("\r\nanthropic-version: 2023-06-01\r\n") == (api == .anthropic))
            }
        }
    }

    @Test func `no error contains the key, which services repeat`() async throws {
        for status in ["400 Bad", "401 Unauthorized", "500 Error"] {
            let body = #"{"error":{"message":"Incorrect API key provided: \#(Self.key)","type":"x"}}"#
            try await ScriptedServer.with(.bytes(Self.response(status, body))) { server in
                for api in ModelUpstream.API.allCases {
                    let error = try #require(try await client(api, at: server).failure(request))
                    var dumped = ""
                    dump(error, to: &dumped)
                    #expect(!"\(error)\(dumped)".contains(Self.key))
                }
            }
        }
        var dumped = ""
        dump(try ModelUpstream(.openAI, baseURL: "https://example.com/v1", key: ModelKey(Self.key)), to: &dumped)
        #expect(!dumped.contains(Self.key))
    }

    @Test func `a connection that breaks or is refused is tried again, and attempts are bounded`() async throws {
        try await ScriptedServer.with(.close, .bytes(Self.response("200 OK", Self.completion))) { server in
            let response = try await client(.openAI, at: server).complete(request)
            #expect(response.choices[0].text == "Yes." && response.usage == nil)
            #expect(pauses.all.count == 1)
        }
        try await ScriptedServer.with(.close) { server in
            let error = try await client(.openAI, at: server).failure(request)
            #expect(error?.kind == .unreachable)
            #expect(server.requests.count == 3)
        }
        var late: (any ModelClient)?
        try await ScriptedServer.with(.ignore) { late = try client(.anthropic, at: $0) }
        #expect(await late?.failure(request)?.kind == .unreachable)
    }

    @Test(arguments: [
        ("Retry-After: 3\r\n", Duration.seconds(3)), ("Retry-After: 0.25\r\n", .milliseconds(250)),
        ("Retry-After: 9\r\nretry-after-ms: 1500\r\n", .milliseconds(1_500)), ("Retry-After: soon\r\n", nil),
        ("Retry-After: -1\r\n", nil), ("Retry-After: 1e400\r\n", nil), ("Retry-After: nan\r\n", nil),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", .zero), ("", nil),
    ])
    func `the wait is read in every form`(headers: String, wait: Duration?) async throws {
        try await ScriptedServer.with(.bytes(Self.response("429 Too Many", "{}", headers))) { server in
            let error = try await client(.openAI, at: server).failure(request)
            #expect(error?.kind == .rateLimited && error?.retryAfter == wait)
        }
    }

    @Test(arguments: [("500 Error", "false", 1), ("400 Bad", "true", 3)])
    func `the service decides whether to try again`(status: String, field: String, attempts: Int) async throws {
        try await ScriptedServer.with(.bytes(Self.response(status, "{}", "X-Should-Retry: \(field)\r\n"))) { server in
            _ = try await client(.anthropic, at: server).failure(request)
            #expect(server.requests.count == attempts)
        }
    }

    @Test func `a cancelled task closes the connection at once, whole or streamed`() async throws {
        for streams in [false, true] {
            let action = streams ? ScriptedServer.Action.bytes(Self.head + Self.chunk("One")) : .ignore
            try await ScriptedServer.with(action) { server in
                let client = try client(.openAI, at: server)
                let (events, arrived) = AsyncStream<ModelEvent>.makeStream()
                let task = Task { [request] in
                    if streams { return (try? await client.stream(request) { arrived.yield($0) }) == nil }
                    return await client.failure(request)?.kind == .cancelled
                }
                if streams {
                    for await _ in events { break }
                } else {
                    while server.requests.isEmpty { await Task.yield() }
                }
                let start = ContinuousClock.now
                task.cancel()
                #expect(await task.value)
                while server.closedCount == 0, .now - start < .seconds(5) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(server.closedCount == 1)
            }
        }
    }

    @Test func `an error within a stream has its kind, and is tried again only before the first part`() async throws {
        let overloaded =
            "event: error\ndata: "
            + #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"# + "\n\n"
        try await ScriptedServer.with(.bytesAndClose(Self.head + overloaded)) { server in
            let (_, _, error) = try await client(.anthropic, at: server).streamed(request)
            #expect(error?.kind == .overloaded && error?.message == "Overloaded")
            #expect(server.requests.count == 3)
        }
        let late =
            Self.head + Self.chunk("One") + #"data: {"error":{"message":"Broken","type":"server_error"}}"# + "\n\n"
        try await ScriptedServer.with(.bytesAndClose(late)) { server in
            let (events, _, error) = try await client(.openAI, at: server).streamed(request)
            #expect(error?.kind == .overloaded && events.count == 1)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a stream is complete with the end of its choices, also without the last event`() async throws {
        let end = #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
        try await ScriptedServer.with(.bytesAndClose(Self.head + Self.chunk("One") + end)) { server in
            let (_, response, _) = try await client(.openAI, at: server).streamed(request)
            #expect(response?.choices == [.init(text: "One", finish: .ended)])
        }
    }

    @Test(arguments: [
        chunk(String(repeating: "x", count: 3_000)), String(repeating: chunk("xxxxxxxxxx"), count: 200),
        ": " + String(repeating: "x", count: 3_000),
        #"data: {"choices":[{"index":1,"delta":{"content":"x"}}]}"# + "\n\n",
        #"data: {"choices":[{"index":-1,"delta":{"content":"x"}}]}"# + "\n\n", "data: {\n\n", "data: nothing\n\n",
        #"data: {"choices":[{"delta":{"content":"x"}}]}"# + "\n\n",
        #"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{}}]}}]}"# + "\n\n",
    ])
    func `events beyond the bounds, or none of the API, are malformed`(stream: String) async throws {
        var settings = ModelClientSettings()
        settings.eventBytesMax = 2_000
        settings.responseBytesMax = 10_000
        try await ScriptedServer.with(.bytesAndClose(Self.head + stream)) { server in
            let (_, _, error) = try await client(.openAI, at: server, settings).streamed(request)
            #expect(error?.kind == .malformed, "\(String(describing: error))")
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"choices":[]}"#, #"{"choices":[{"message":{}}]}"#,
        #"{"content":[{"type":"tool_use"}]}"#,
        String(repeating: "[", count: 20_000),
        #"{"content":[{"type":"tool_use","id":"a"}],"stop_reason":"tool_use"}"#,
    ])
    func `a body that is none of the API is malformed, and is not asked for again`(body: String) async throws {
        var settings = ModelClientSettings()
        settings.responseBytesMax = 10_000
        try await ScriptedServer.with(.bytes(Self.response("200 OK", body))) { server in
            for api in ModelUpstream.API.allCases {
                let error = try await client(api, at: server, settings).failure(request)
                #expect(error?.kind == .malformed)
            }
            #expect(server.requests.count == 2)
        }
    }

    @Test func `a redirect is not followed: it would take the key to another host`() async throws {
        try await ScriptedServer.with(.bytes(Self.response("307 T", "", "Location: /other\r\n"))) { server in
            let error = try await client(.openAI, at: server).failure(request)
            #expect(error?.kind == .refused)
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: ["", "ftp://a", "https://", "https://a?b=c", "https://u:p@a", "https://a#b", "a.example/v1"])
    func `a base URL begins with a scheme, and has no query and no password`(url: String) {
        #expect(throws: ModelUpstream.ParseError.self) { _ = try ModelUpstream(.openAI, baseURL: url, key: nil) }
    }

    @Test func `a schema has no references, which services accept in different places`() {
        let point: JSONValue = ["type": "object", "properties": ["x": ["type": "integer"]]]
        let schema = ModelSchema(
            name: "line",
            json: [
                "type": "object", "properties": ["from": ["$ref": "#/components/schemas/Point"]],
                "components": ["schemas": ["Point": point]],
            ])
        #expect(schema.json == ["type": "object", "properties": ["from": point]])
    }

    @Test(arguments: ["", "a b", "a\r\nb", "kéy", String(repeating: "a", count: 513)])
    func `a key is visible ASCII`(key: String) {
        #expect(ModelKey(key) == nil)
    }
}
