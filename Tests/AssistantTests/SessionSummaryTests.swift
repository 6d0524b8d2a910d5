import App
import Base
import Models
import Modules
import TestKit
import Testing

/// Summaries of what long sessions leave out.
@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct SessionSummaryTests {
    private func with(
        _ engine: Engine, _ body: (AssistantFixture, _ model: TestModel, _ summariser: TestModel) async throws -> Void
    ) async throws {
        let (model, summariser) = (try TestModels.model(), try TestModels.model())
        let upstream = try model.upstream(.openAI)
        try await withAssistant(
            engine,
            change: {
                $0.use(model.name, at: upstream)
                $0.assistantModels = [summariser.name]
                $0.summaryModel = summariser.name
                $0.contextTokens = 880
            }
        ) { assistant in
            try await model.script(["type": "reply", "text": "Yes.", "times": .null])
            try await body(assistant, model, summariser)
        }
    }

    /// About 400 tokens, of which two do not fit into a conversation with an answer.
    private func send(_ name: String, _ session: String, _ assistant: AssistantFixture) async -> TestResponse {
        await assistant.post(
            "/v1/chat/completions",
            AssistantFixture.body(
                [
                    ["role": "system", "content": "Be brief."],
                    AssistantFixture.user("\(name) \(String(repeating: "x", count: 1_590))"),
                ], ["session_id": .string(session)]))
    }

    /// The beginnings of the messages of a request.
    private func beginnings(_ model: TestModel) async throws -> [[String]] {
        try await model.requests().map { request in
            (request["body"]?["messages"]?.array ?? []).map { String($0["content"]?.string?.prefix(6) ?? "") }
        }
    }

    private func summaries(_ assistant: AssistantFixture) async throws -> [String] {
        try await assistant.app.app.database.read { transaction in
            try transaction.all("SELECT content FROM assistant_summaries ORDER BY session_id") { try $0["content"] }
        }
    }

    @Test(arguments: Engine.available)
    func `a summary stands for the turns that are left out, from the next one on`(engine: Engine) async throws {
        try await with(engine) { assistant, model, summariser in
            try await summariser.script(
                ["type": "reply", "text": "Of the first.", "times": 1],
                ["type": "reply", "text": "Of both.", "times": .null])
            let session = try await assistant.session()
            for name in ["First", "Second", "Third", "Fourth"] {
                #expect(await send(name, session, assistant).status == 200)
                try await assistant.app.runJobs()
                // A second run of the job finds nothing to do.
                try await assistant.app.runJobs()
            }
            #expect(
                try await beginnings(model) == [
                    ["Be bri", "First "], ["Be bri", "Second"], ["Be bri", "The be", "Third "],
                    ["Be bri", "The be", "Fourth"],
                ])
            let last = try #require(try await model.requests().last?["body"]?["messages"]?[1]?["content"]?.string)
            #expect(last.hasSuffix("Of both."))
            let asked = try await summariser.requests().compactMap { $0["body"]?["messages"]?[1]?["content"]?.string }
            try #require(asked.count == 3)
            #expect(asked[0].hasPrefix("user: First ") && asked[0].contains("assistant: Yes."))
            #expect(asked[1].hasPrefix("Summary of what was before:\nOf the first.\n\nuser: Second"))
            #expect(try await summaries(assistant) == ["Of both."])
            // Charged, and of no session.
            #expect(try await assistant.turns() == Array(repeating: "completed", count: 7))
            let view = await assistant.get("/v1/sessions/\(session)")
            let own = view["token_usage"]?["total_tokens"]?.integer ?? 0
            let tokens = await assistant.tokens()
            #expect(tokens[0] ?? 0 > own && tokens[1] == 0)
            #expect(await assistant.messages(session).count == 9)

            #expect(await assistant.post("/v1/sessions/\(session)/clear").status == 200)
            #expect(try await summaries(assistant).isEmpty)
            #expect(await send("Fifth", session, assistant).status == 200)
            #expect(try await beginnings(model).last == ["Be bri", "Fifth "])
            #expect(await assistant.delete("/v1/sessions/\(session)").status == 204)
        }
    }

    @Test(arguments: Engine.available, ["overlong", "cut", "empty"])
    func `what cannot stand for the messages is no summary, and is not asked for again at each turn`(
        engine: Engine, fault: String
    ) async throws {
        try await with(engine) { assistant, model, summariser in
            switch fault {
            case "overlong":
                let text = String(repeating: "x", count: 20_000)
                try await summariser.script(["type": "reply", "text": .string(text), "times": .null])
            case "cut":
                try await summariser.script([
                    "type": "reply", "text": "Half", "finish_reason": "length", "times": .null,
                ])
            default: try await summariser.script(["type": "reply", "text": "  ", "times": .null])
            }
            let session = try await assistant.session()
            for name in ["First", "Second", "Third", "Fourth", "Fifth"] {
                #expect(await send(name, session, assistant).status == 200)
                try await assistant.app.runJobs()
            }
            #expect(try await summaries(assistant).isEmpty)
            #expect(try await summariser.requests().count == 1)
            // Sixteen messages of the session later.
            for name in ["Sixth", "Seventh", "Eighth", "Ninth", "Tenth"] {
                #expect(await send(name, session, assistant).status == 200)
                try await assistant.app.runJobs()
            }
            #expect(try await summariser.requests().count == 2)
            #expect(await assistant.tokens()[1] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an answer needs no summary, and one of a cleared session is not stored`(engine: Engine) async throws {
        try await with(engine) { assistant, model, summariser in
            try await summariser.script(["type": "fail", "status": 400, "times": .null])
            let session = try await assistant.session()
            for name in ["First", "Second", "Third"] {
                #expect(await send(name, session, assistant).status == 200)
                try await assistant.app.runJobs()
            }
            #expect(try await beginnings(model).last == ["Be bri", "Third "])
            #expect(try await summaries(assistant).isEmpty)
            #expect(await assistant.tokens()[1] == 0)

            #expect(await send("Fourth", session, assistant).status == 200)
            #expect(await assistant.post("/v1/sessions/\(session)/clear").status == 200)
            let asked = try await summariser.requests().count
            try await assistant.app.runJobs()
            #expect(try await summariser.requests().count == asked)
        }
    }
}
