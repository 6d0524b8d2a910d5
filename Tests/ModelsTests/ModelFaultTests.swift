import Base
import Models
import Outbound
import TestKit
import Testing

@Suite(
    .enabled(if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
)
struct ModelFaultTests {
    private static let retried: [Int] = [429, 500, 503, 529, 408]

    @Test(arguments: ModelUpstream.API.allCases, retried)
    func `a refusal that passes is followed by another attempt, after the wait that the service asks for`(
        api: ModelUpstream.API, status: Int
    ) async throws {
        let fixture = try ModelsFixture(api)
        let fail: [String: JSONValue] = [
            "type": "fail", "status": .integer(Int64(status)), "retry_after": 7, "times": 2,
        ]
        try await fixture.model.script(fail, ["type": "reply", "text": "There."])
        #expect(try await fixture.client.complete(fixture.request()).choices[0].text == "There.")
        #expect(fixture.pauses.all == [.seconds(7), .seconds(7)])
        try await fixture.model.script(fail, ["type": "reply", "text": "There."])
        #expect(await fixture.client.streamed(fixture.request()).response?.choices[0].text == "There.")
        #expect(fixture.pauses.all.count == 4)
    }

    @Test(arguments: [
        (429, ModelError.Kind.rateLimited), (529, .overloaded), (500, .overloaded),
    ])
    func `attempts are bounded`(status: Int, kind: ModelError.Kind) async throws {
        for api in ModelUpstream.API.allCases {
            let fixture = try ModelsFixture(api)
            try await fixture.model.script(
                ["type": "fail", "status": .integer(Int64(status)), "retry_after": 0, "times": .null])
            let error = await fixture.client.failure(fixture.request())
            #expect(error?.kind == kind && error?.status == status)
            let bounds: [Duration] = [.milliseconds(500), .seconds(1)]
            #expect(fixture.pauses.all.count == 2)
            #expect(zip(fixture.pauses.all, bounds).allSatisfy { $0 >= .zero && $0 <= $1 })
        }
    }

    @Test func `a wait that is too long is left to the caller`() async throws {
        let fixture = try ModelsFixture(.anthropic)
        try await fixture.model.script(["type": "fail", "status": 429, "retry_after": 61])
        let error = await fixture.client.failure(fixture.request(timeout: .seconds(600)))
        #expect(error?.kind == .rateLimited && error?.retryAfter == .seconds(61))
        try await fixture.model.script(["type": "fail", "status": 429, "retry_after": 30])
        #expect(await fixture.client.failure(fixture.request(timeout: .seconds(20)))?.kind == .rateLimited)
        #expect(fixture.pauses.all.isEmpty)
    }

    @Test(arguments: [
        (400, nil, ModelError.Kind.refused), (404, nil, .refused), (413, nil, .refused), (401, nil, .unauthorized),
        (403, nil, .unauthorized), (429, "insufficient_quota", .rateLimited),
    ])
    func `a refusal that stays is an error at once, with the sentence of the service`(
        status: Int, code: String?, kind: ModelError.Kind
    ) async throws {
        for api in ModelUpstream.API.allCases {
            let fixture = try ModelsFixture(api)
            var fail: [String: JSONValue] = [
                "type": "fail", "status": .integer(Int64(status)), "message": "A sentence.\nAnd another.", "times": 2,
            ]
            if let code { fail["code"] = .string(code) }
            try await fixture.model.script(fail)
            for error in [
                await fixture.client.failure(fixture.request()),
                await fixture.client.streamed(fixture.request()).error,
            ] {
                #expect(error?.kind == kind && error?.status == status)
                #expect(error?.message == (kind == .unauthorized ? ModelFaultTests.keyRefused : "A sentence."))
            }
            #expect(fixture.pauses.all.isEmpty)
        }
    }

    private static let keyRefused = "The model's service does not accept the key for this request."

    @Test(arguments: ModelUpstream.API.allCases)
    func `a stream that breaks before its first part is asked for again`(api: ModelUpstream.API) async throws {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(
            ["type": "stream_fault", "kind": "disconnect", "after_chunks": 1],
            ["type": "stream_fault", "kind": "truncate", "after_chunks": 0],
            ["type": "reply", "text": "Whole.", "times": .null])
        let (_, response, error) = await fixture.client.streamed(fixture.request())
        #expect(response?.choices[0].text == "Whole.", "\(String(describing: error))")
        #expect(fixture.pauses.all.count == 2)
    }

    // Not a reset connection: what has arrived and was not read yet is lost with it, so that it can be asked for again.
    @Test(arguments: ModelUpstream.API.allCases, ["truncate", "malformed"])
    func `a stream that breaks behind its first part is never asked for again`(api: ModelUpstream.API, fault: String)
        async throws
    {
        let fixture = try ModelsFixture(api)
        try await fixture.model.script(
            ["type": "stream_fault", "kind": .string(fault), "after_chunks": 5],
            ["type": "reply", "text": "One two three four five six.", "times": .null])
        let (events, _, error) = await fixture.client.streamed(fixture.request())
        #expect(!events.isEmpty)
        #expect(error?.kind == (fault == "malformed" ? .malformed : .interrupted), "\(String(describing: error))")
        #expect(fixture.pauses.all.isEmpty)
        #expect(try await fixture.model.requests().count == 1)
    }

    @Test(arguments: ModelUpstream.API.allCases)
    func `a stream that stalls, and one that does not begin, end in time`(api: ModelUpstream.API) async throws {
        var settings = ModelClientSettings()
        settings.firstTokenTimeout = .seconds(1)
        settings.idleTimeout = .milliseconds(150)
        let fixture = try ModelsFixture(api, settings)
        try await fixture.model.script(
            ["type": "stream_fault", "kind": "stall", "after_chunks": 5, "stall_seconds": 3],
            ["type": "reply", "text": "One two three four five six.", "times": .null])
        let stalled = await fixture.client.streamed(fixture.request())
        #expect(stalled.error?.kind == .timedOut && !stalled.events.isEmpty)
        try await fixture.model.script(["type": "slow_first_token", "seconds": 3])
        let slow = await fixture.client.streamed(fixture.request())
        #expect(slow.error?.kind == .timedOut && slow.events.isEmpty)
        // A first part that takes longer than later ones may.
        try await fixture.model.script(["type": "slow_first_token", "seconds": 0.2])
        #expect(await fixture.client.streamed(fixture.request()).response != nil)
        #expect(fixture.pauses.all.isEmpty)
    }

    @Test func `the time of everything is bounded`() async throws {
        let fixture = try ModelsFixture(.openAI)
        try await fixture.model.script(["type": "delay", "seconds": 1.5, "times": 2])
        let request = fixture.request(timeout: .milliseconds(150))
        #expect(await fixture.client.failure(request)?.kind == .timedOut)
        #expect(await fixture.client.streamed(request).error?.kind == .timedOut)
    }

    @Test func `the time that a reader of the stream takes is not the service's`() async throws {
        var settings = ModelClientSettings()
        settings.idleTimeout = .milliseconds(50)
        let fixture = try ModelsFixture(.anthropic, settings)
        try await fixture.model.script(["type": "reply", "text": "One two."])
        let response = try await fixture.client.stream(fixture.request()) { _ in
            try await Task.sleep(for: .milliseconds(120))
        }
        #expect(response.choices[0].text == "One two.")
    }
}
