import App
import Base
import Modules
import NIOCore
import TestKit
import Testing

/// Streamed answers over sockets: clients that go away, and clients that read slowly.
@Suite struct StreamTests {
    private static func request(_ assistant: AssistantFixture) -> String {
        var body: [UInt8] = []
        body.append(json: AssistantFixture.body([AssistantFixture.user("Hi")], ["stream": true, "max_tokens": 20_000]))
        return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Authorization: Bearer \(assistant.person.token)\r\nContent-Length: \(body.count)\r\n\r\n"
            + String(decoding: body, as: UTF8.self)
    }

    /// Less than two heartbeats, by which such a client would be found otherwise.
    private static let noticed = Duration.seconds(8)

    @Test(arguments: Engine.available)
    func `a client that closes its connection ends the one to the service, also while nothing arrives`(engine: Engine)
        async throws
    {
        try await ChatUpstream.with({ _ in ChatUpstream.Answer(tokens: 1, ends: false) }) { upstream in
            try await withAssistant(engine, change: { $0.use(upstream) }) { assistant in
                try await withServed(assistant.app) { port in
                    var client: RawClient? = try RawClient(port: port)
                    try await client?.send(Self.request(assistant))
                    #expect(try await client?.response(toHead: true).status == 200)
                    #expect(upstream.closedCount == 0)
                    let start = ContinuousClock.now
                    client = nil
                    #expect(try await eventually { upstream.closedCount == 1 })
                    #expect(.now - start < Self.noticed)
                    let isStored = try await eventually { try await assistant.turns() == ["interrupted"] }
                    #expect(isStored)
                    #expect(await assistant.tokens()[1] == 0)
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a client that has only finished sending gets the whole answer`(engine: Engine) async throws {
        try await ChatUpstream.with({ _ in ChatUpstream.Answer(tokens: 100, pace: .milliseconds(1)) }) { upstream in
            try await withAssistant(engine, change: { $0.use(upstream) }) { assistant in
                try await withServed(assistant.app) { port in
                    let client = try RawClient(port: port)
                    try await client.send(Self.request(assistant))
                    await client.finishSending()
                    #expect(try await client.response(toHead: true).status == 200)
                    _ = try await client.countToEnd()
                    #expect(try await assistant.turns() == ["completed"])
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a client that reads slowly slows the service down, and loses nothing`(engine: Engine) async throws {
        // More than the buffers between the service and the turn take, and less than the bound of the answer.
        let parts = 3_000
        let text = String(repeating: "x", count: 1_000)
        try await ChatUpstream.with({ _ in ChatUpstream.Answer(tokens: parts, text: text) }) { upstream in
            try await withAssistant(engine, change: { $0.use(upstream) }) { assistant in
                let response = try await assistant.begin("Hi", ["max_tokens": 60_000])
                guard case .chunks(let begin) = response.body else {
                    throw UnexpectedResponse(await TestResponse(response))
                }
                let next = begin()
                var (written, unchanged) = (0, 0)
                let hasStopped = try await eventually {
                    let now = upstream.served.first?.parts ?? 0
                    (written, unchanged) = (now, now == written ? unchanged + 1 : 0)
                    return unchanged == 50
                }
                #expect(hasStopped && written > 0 && written < parts, "\(written)")
                var bytes = 0
                while let chunk = try await next() { bytes += chunk.readableBytes }
                #expect(bytes > parts * text.utf8.count, "\(bytes)")
                #expect(upstream.served.first?.isCounted == true)
                #expect(try await assistant.turns() == ["completed"])
            }
        }
    }
}

extension Configuration {
    mutating func use(_ upstream: ChatUpstream) {
        openAIBaseURL = upstream.url
        openAIModel = "test-model"
    }
}
