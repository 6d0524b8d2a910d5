import App
import Base
import Models
import Modules
import TestKit
import Testing

/// The official clients, unchanged: with the URL and a key of the server.
@Suite(
    .enabled(
        if: TestModels.isAvailable && OfficialClientScript.isInstalled,
        "llmock, openai or anthropic is not installed: set GATEHOUSE_PYTHON to an interpreter that has them."))
struct OfficialClientTests {
    /// What the model answers: to a plain request and a streamed one, to two with tools, to the result, to the schema.
    private func run(_ program: String, _ api: ModelUpstream.API) async throws -> (result: JSONValue, model: String) {
        let model = try TestModels.model()
        try await model.script(
            ["type": "reply", "text": "Rain.", "times": 2],
            [
                "type": "reply", "text": "I look.", "times": 2,
                "tool_calls": [["name": "weather", "arguments": ["city": "Oslo"]]],
            ], ["type": "reply", "text": "Five."], ["type": "reply", "text": #"{"city": "Oslo"}"#])
        let upstream = try model.upstream(api)
        var result = JSONValue.null
        try await withAssistant(.sqlite, change: { $0.use(model.name, at: upstream) }) { assistant in
            try await withServed(assistant.app) { port in
                result = try await OfficialClientScript(
                    port: port, key: try await assistant.key("assistant"), model: model.name
                ).run(program)
            }
            let turns = try await assistant.turns()
            #expect(turns.allSatisfy { $0 == "completed" } && turns.count >= 5)
        }
        return (result, model.name)
    }

    @Test func `OpenAI's client gets answers, streams, calls, schemas and errors`() async throws {
        let (result, model) = try await run(OfficialClientScript.openAI, .anthropic)
        #expect(result["models"] == [.string(model)] && result["model"] == .string(model))
        #expect(result["whole"] == ["Rain.", "stop", true], "\(result)")
        #expect(result["stream"] == ["Rain.", true])
        #expect(result["call"] == ["weather", ["city": "Oslo"]])
        #expect(result["streamed_call"] == ["tool_calls", "weather", ["city": "Oslo"]])
        #expect(result["after"] == "Five." && result["parsed"] == "Oslo")
        #expect(
            result["errors"] == [
                ["AuthenticationError", 401, "authentication-failed", .null, true],
                ["NotFoundError", 404, "assistant-model-not-found", .null, true],
                ["UnprocessableEntityError", 422, "validation-failed", "tools.0.function.parameters", true],
                ["UnprocessableEntityError", 422, "validation-failed", "max_tokens", true],
                ["UnprocessableEntityError", 422, "validation-failed", "max_tokens", true],
            ], "\(result)")
    }

    @Test func `Anthropic's client gets answers, streams, calls and errors`() async throws {
        let (result, model) = try await run(OfficialClientScript.anthropic, .openAI)
        #expect(result["models"] == [.string(model)])
        #expect(result["whole"] == ["Rain.", "end_turn", true], "\(result)")
        #expect(result["stream"] == ["Rain.", "Rain.", "end_turn", true])
        #expect(result["call"] == ["tool_use", "weather", ["city": "Oslo"]])
        #expect(result["streamed_call"] == ["tool_use", "weather", ["city": "Oslo"]])
        #expect(result["after"] == "Five.")
        #expect(
            result["errors"] == [
                ["AuthenticationError", 401, "authentication_error", true],
                ["NotFoundError", 404, "not_found_error", true],
                ["UnprocessableEntityError", 422, "invalid_request_error", true],
                ["UnprocessableEntityError", 422, "invalid_request_error", true],
            ], "\(result)")
    }
}
