import App
import Base
import Foundation
import Models
import Modules
import TestKit
import Testing

extension Trait where Self == ConditionTrait {
    /// For suites that script language models.
    static var needsModels: Self {
        .enabled(
            if: TestModels.isAvailable, "llmock is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
    }
}

/// Runs `body` with a system that has a model of the test server, and its further models.
/// - Parameter hasFallback: whether the second model is configured too.
func withModels(
    _ engine: Engine, hasFallback: Bool = false, change: (inout Configuration) -> Void = { _ in },
    _ body: (WorkflowsFixture, _ first: TestModel, _ second: TestModel) async throws -> Void
) async throws {
    let (first, second) = (try TestModels.model(), try TestModels.model())
    let settings = try first.settings(.openAI)
    try await withWorkflows(
        engine,
        change: { configuration in
            configuration.openAIBaseURL = settings.upstream.baseURL
            configuration.openAIKey = "test-key"
            configuration.openAIModel = first.name
            if hasFallback { configuration.modelFallback = second.name }
            change(&configuration)
        }
    ) { try await body($0, first, second) }
}

extension TestModel {
    /// Answers the next request with a plan of these nodes.
    func plan(_ nodes: [JSONValue], trigger: JSONValue = .null) async throws {
        try await reply(["nodes": .array(nodes), "trigger": trigger])
    }

    /// Answers the next requests.
    /// - Parameter times: nil for all further ones.
    func answer(_ text: String, confidence: Double = 0.9, times: Int64? = 1) async throws {
        try await reply(["answer": .string(text), "confidence": .number(confidence)], times: times)
    }

    /// Answers with a text that is not what was asked for.
    func say(_ text: String, times: Int64? = 1) async throws {
        try await script(["type": "reply", "text": .string(text), "times": times.map { .integer($0) } ?? .null])
    }

    /// Answers with a status of an error.
    func fail(_ status: Int64, retryAfter: Int64? = nil, times: Int64? = nil) async throws {
        try await script([
            "type": "fail", "status": .integer(status), "retry_after": retryAfter.map { .integer($0) } ?? .null,
            "times": times.map { .integer($0) } ?? .null,
        ])
    }

    func count() async throws -> Int { try await requests().count }

    private func reply(_ value: JSONValue, times: Int64? = 1) async throws {
        try await say(String(decoding: try JSONEncoder().encode(value), as: UTF8.self), times: times)
    }
}

extension WorkflowsFixture {
    /// Submits an intent, and runs it as far as it gets.
    /// - Returns: the path of the workflow.
    func run(intent: String, _ more: [String: JSONValue] = [:]) async throws -> String {
        let accepted = await submit(intent, more)
        guard accepted.status == 202, let path = accepted.headers["location"] else {
            throw UnexpectedResponse(accepted)
        }
        try await app.runJobs()
        return path
    }

    /// Moves the clock, and runs what is due then.
    func wait(_ duration: Duration) async throws {
        app.clock.advance(by: duration)
        try await app.runJobs()
    }

    /// The audit entries of a type.
    func entries(_ type: String, of path: String) async -> [JSONValue] {
        (await get("\(path)/audit")["entries"]?.array ?? []).filter { $0["event_type"] == .string(type) }
    }

    /// The reliability of a model in hundredths; nil before its first call.
    func reliability(of model: TestModel) async throws -> Int64? {
        try await database.read { transaction in
            try transaction.first("SELECT reliability FROM workflow_models WHERE name = \(model.name)") {
                try $0["reliability"]
            }
        }
    }
}

extension Node {
    /// - Parameters:
    ///   - prompt: of a language model.
    ///   - verify: whether a second one answers too.
    static func ask(
        _ id: String, _ prompt: JSONValue = "What is it?", input: JSONValue? = nil, verify: Bool? = nil,
        after: [String] = []
    ) -> JSONValue {
        var arguments = ["prompt": prompt]
        arguments["input"] = input
        arguments["verify"] = verify.map { .bool($0) }
        return make(id, "model_answer", "language", arguments, after: after)
    }
}
