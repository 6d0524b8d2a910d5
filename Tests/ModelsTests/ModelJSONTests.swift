import Base
import Models
import TestKit
import Testing

@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct ModelJSONTests {
    private func share(_ value: JSONValue) throws(ModelAnswerFault) -> Int64 {
        guard let share = value["share"]?.integer, (1...100).contains(share) else {
            throw ModelAnswerFault("share is an integer from 1 to 100.")
        }
        return share
    }

    private func answer(_ fixture: ModelsFixture) async -> Result<Int64, ModelError> {
        do throws(ModelError) {
            return .success(try await fixture.client.json(fixture.request(), read: share).answer)
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        #"{"share": 40}"#, "```json\n{\"share\": 40}\n```", "Here it is: {\"share\": 40}. Good luck!",
        "\n {\"share\":40}\n",
    ])
    func `JSON is found in its code block or between sentences`(text: String) async throws {
        for api in ModelUpstream.API.allCases {
            let fixture = try ModelsFixture(api)
            try await fixture.model.script(["type": "reply", "text": .string(text)])
            #expect(try await answer(fixture).get() == 40)
            #expect(try await fixture.model.requests().count == 1)
        }
    }

    @Test(arguments: [#"{"share": 400}"#, "I do not know.", #"{"share": 4"#, "{}", "} {"])
    func `an answer that is not accepted is repaired once, and told what is wrong`(text: String) async throws {
        let fixture = try ModelsFixture(.anthropic)
        try await fixture.model.script(
            ["type": "reply", "text": .string(text)], ["type": "reply", "text": #"{"share": 40}"#])
        let (share, usage) = try await fixture.client.json(fixture.request(), read: share)
        #expect(share == 40)
        let messages = try #require(try await fixture.model.requests().last?["body"]?["messages"]?.array)
        #expect(messages.map { $0["role"]?.string } == ["user", "assistant", "user"])
        #expect(messages[1]["content"]?[0]?["text"]?.string == text)
        #expect(messages[2]["content"]?[0]?["text"]?.string?.hasPrefix("This answer cannot be used: ") == true)
        let one = try await fixture.client.complete(fixture.request()).usage
        #expect(try #require(usage).input > (one?.input ?? 0))
    }

    @Test func `a call of a tool that was not offered is repaired, without the call`() async throws {
        for api in ModelUpstream.API.allCases {
            let fixture = try ModelsFixture(api)
            let call: JSONValue = ["name": "delete_database", "arguments": ["all": true]]
            try await fixture.model.script(
                ["type": "reply", "tool_calls": [call]], ["type": "reply", "text": #"{"share": 40}"#])
            #expect(try await answer(fixture).get() == 40)
            let messages = try #require(try await fixture.model.requests().last?["body"]?["messages"]?.array)
            // Anthropic's API has one message for what the user says in a row.
            #expect(messages.map { $0["role"]?.string } == Array(repeating: "user", count: api == .openAI ? 2 : 1))
            #expect("\(try #require(messages.last))".contains("calls a tool"))
        }
    }

    @Test func `an answer that is not accepted twice is malformed, and a refusal is not repaired`() async throws {
        let fixture = try ModelsFixture(.openAI)
        try await fixture.model.script(["type": "reply", "text": "{}", "times": 2])
        guard case .failure(let error) = await answer(fixture) else { return #expect(Bool(false)) }
        #expect(error.kind == .malformed && error.message.contains("share is an integer"))
        #expect(try await fixture.model.requests().count == 2)
        let other = try ModelsFixture(.openAI)
        try await other.model.script(["type": "reply", "text": "No.", "finish_reason": "content_filter"])
        guard case .failure(let refusal) = await answer(other) else { return #expect(Bool(false)) }
        #expect(refusal.kind == .refused)
        #expect(try await other.model.requests().count == 1)
    }
}
