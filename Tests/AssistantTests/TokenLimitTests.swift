import App
import Base
import HTTPTypes
import Modules
import TestKit
import Testing

/// The tokens that are left: what a turn reserves of them, and what it is refused for.
@Suite struct TokenLimitTests {
    /// What is reserved for `Hi` beside the answer: 64 for the conversation, 16 for the message, a byte of it each.
    private static let input: Int64 = 82

    private static func plans(_ tokens: Int) -> String {
        """
        meters: { tokens: Token }
        default: { concurrency: { chat_sessions: 2 }, limits: { tokens: \(tokens) } }
        plans:
          - { id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }
          - { id: student, name: Student, start: anyone, limits: { tokens: \(tokens) }, file_mb: 1, storage_mb: 1 }
        """
    }

    @Test(arguments: Engine.available, [true, false])
    func `an answer is bounded by the tokens that are left, and refused where these are too few`(
        engine: Engine, hasPlan: Bool
    ) async throws {
        try await ChatUpstream.with({ _ in ChatUpstream.Answer(tokens: 7, input: 11) }) { upstream in
            try await withPlansFile(Self.plans(400)) { file in
                try await withAssistant(
                    engine,
                    change: {
                        $0.plansFile = file
                        $0.use(upstream)
                    }
                ) { assistant in
                    let person = hasPlan ? assistant.person : try await assistant.app.register("unsubscribed")
                    let whole = await assistant.chat("Hi", ["max_tokens": 5_000], as: person)
                    #expect(whole.status == 200, "\(whole)")
                    // Two answers share 382 tokens. The service gives one.
                    let two = await assistant.chat("Hi", ["n": 2, "max_tokens": 1_000], as: person)
                    #expect(two.status == 502, "\(two)")
                    let bounds = upstream.served.map(\.request.tokensMax)
                    #expect(bounds == [400 - Self.input, 382 / 2 - Self.input])
                    // Both began at the same time of the test's clock.
                    #expect(try await assistant.reservedTokens().sorted() == [382, 400])
                }
            }
        }
    }

    @Test(arguments: Engine.available, [true, false])
    func `without room the refusal has the shape of the API that was called`(engine: Engine, hasPlan: Bool) async throws
    {
        try await withPlansFile(Self.plans(97)) { file in
            try await withAssistant(engine, change: { $0.plansFile = file }) { assistant in
                let person = hasPlan ? assistant.person : try await assistant.app.register("unsubscribed")
                let code = hasPlan ? "quota-exceeded" : "tokens-exhausted"
                let refused = await assistant.chat("Hi", ["stream": true], as: person)
                #expect(refused.status == 403 && refused["error"]?["code"] == .string(code), "\(refused)")
                #expect(refused["error"]?["type"] == "insufficient_quota" && refused["limit"] == 97, "\(refused)")
                let body = AssistantFixture.body([AssistantFixture.user("Hi")], ["model": "echo"])
                let other = await assistant.post("/v1/messages", body, as: person)
                #expect(other.status == 403 && other["type"] == "error" && other.code == code, "\(other)")
                #expect(other["error"]?["message"]?.string?.isEmpty == false)
                // Who asks for fewer tokens gets them.
                let small = await assistant.chat("Hi", ["max_tokens": 15], as: person)
                #expect(small.status == 200, "\(small)")
                #expect(try await assistant.turns() == ["completed"])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `turns at once share the tokens that are left`(engine: Engine) async throws {
        try await ChatUpstream.with({ _ in ChatUpstream.Answer(tokens: 1, ends: false) }) { upstream in
            try await withPlansFile(Self.plans(400)) { file in
                try await withAssistant(
                    engine,
                    change: {
                        $0.plansFile = file
                        $0.use(upstream)
                    }
                ) { assistant in
                    // The answers do not end.
                    let first = try await assistant.begin("Hi", ["max_tokens": 150])
                    let second = try await assistant.begin("Hi", ["max_tokens": 150])
                    #expect(first.status == .ok && second.status == .ok)
                    #expect(upstream.served.map(\.request.tokensMax) == [150, 400 - 150 - 2 * Self.input])
                    #expect(await assistant.tokens() == [0, 400])
                    let third = await assistant.chat("Hi")
                    #expect(third.status == 403 && third.code == "quota-exceeded", "\(third)")
                }
            }
        }
    }

    @Test(arguments: Engine.available, [true, false])
    func `what a service claims beyond the reserved tokens is not charged, and operators see it`(
        engine: Engine, hasPlan: Bool
    ) async throws {
        let claim = Upstream.answer("Yes.", input: 900_000_000, output: 900_000_000)
        try await ScriptedServer.with(.bytesAndClose(claim)) { server in
            try await withPlansFile(Self.plans(10_000)) { file in
                try await withAssistant(engine, upstream: server, change: { $0.plansFile = file }) { assistant in
                    let person = hasPlan ? assistant.person : try await assistant.app.register("unsubscribed")
                    let answer = await assistant.chat("Hi", as: person)
                    #expect(answer.status == 200, "\(answer)")
                    let reserved = Self.input + 100
                    #expect(try await assistant.reservedTokens() == [reserved])
                    let ofAllowance = try await assistant.app.app.database.read { transaction in
                        try transaction.all("SELECT used FROM assistant_allowances") { try $0["used"] as Int64 }
                    }
                    #expect(ofAllowance == (hasPlan ? [] : [reserved]))
                    #expect(await assistant.tokens() == [hasPlan ? reserved : 0, 0])
                    let warnings = assistant.app.log.lines.filter { $0.contains("more tokens than it was allowed") }
                    #expect(warnings.count == 1, "\(warnings)")
                    let metrics = await assistant.app.call("GET", "/metrics").text
                    #expect(metrics.contains("gatehouse_assistant_excess_tokens_total \(1_800_000_000 - reserved)"))
                }
            }
        }
    }

    @Test(arguments: Engine.available, [true, false])
    func `an answer that does not end at its bound is left, and charged no more than was reserved`(
        engine: Engine, isStreamed: Bool
    ) async throws {
        // A megabyte, where a hundred tokens were asked for.
        let answer = ChatUpstream.Answer(tokens: 1_000, text: String(repeating: "x", count: 1_000))
        try await ChatUpstream.with({ _ in answer }) { upstream in
            try await withAssistant(engine, change: { $0.use(upstream) }) { assistant in
                let session = try await assistant.session()
                let sent = await assistant.chat("Hi", ["session_id": .string(session), "stream": .bool(isStreamed)])
                #expect(sent.status == (isStreamed ? 200 : 502), "\(sent.status)")
                #expect(!sent.text.contains("[DONE]"))
                let stored = await assistant.messages(session).last?.last?.utf8.count ?? 0
                // 64 bytes for each token, and 64 KiB.
                #expect(stored == 71_000)
                #expect(await assistant.tokens() == [Self.input + 100, 0])
                #expect(try await assistant.turns() == ["interrupted"])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a turn writes twice, whatever the number of its parts`(engine: Engine) async throws {
        let counter = CountingDatabase.Counter()
        try await ChatUpstream.with({ ChatUpstream.Answer(tokens: $0.number == 1 ? 1 : 500) }) { upstream in
            try await withAssistant(
                engine, databaseWrapper: { CountingDatabase($0, counter) }, change: { $0.use(upstream) }
            ) { assistant in
                let session = try await assistant.session()
                let more: [String: JSONValue] = ["session_id": .string(session), "stream": true]
                var writes: [Int] = []
                for _ in 0..<2 {
                    let before = counter.writes
                    let answer = await assistant.chat("Hi", more)
                    #expect(answer.events.last == "[DONE]", "\(answer)")
                    writes.append(counter.writes - before)
                }
                #expect(writes == [2, 2])
            }
        }
    }
}
