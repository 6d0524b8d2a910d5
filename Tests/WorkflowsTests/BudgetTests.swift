import App
import Base
import Modules
import TestKit
import Testing

/// A budget holds whatever a client estimates, and for the workflows within a workflow together.
@Suite struct BudgetTests {
    @Test(arguments: Engine.available)
    func `workflows within a workflow share its budget`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            // Each of them costs 0.0001.
            let nodes = (1...6).map {
                Node.make(
                    "n\($0)", "sub_workflow", "scheduling", ["intent": "create a file notes.txt with \"Nothing yet.\""],
                    micros: 0)
            }
            let path = try await workflows.run(nodes, ["budget": 0.0003])
            let view = await workflows.get(path)
            let cost = try #require(view["cost_micros"]?.integer)
            #expect(cost > 0 && cost <= 300, "\(view)")
            #expect(try await workflows.count("workflows WHERE reserved_cost > 0") == 0)
            let spent = try await workflows.database.read { transaction in
                try transaction.first(
                    "SELECT CAST(SUM(cost) AS \(.integer)) AS cost FROM workflow_costs"
                ) { try $0["cost"] as Int64 }
            }
            #expect(try #require(spent) <= 300)
        }
    }

    @Test(arguments: Engine.available)
    func `a step that the estimate of a client makes free is not started without a budget`(engine: Engine)
        async throws
    {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run([Node.write("a", "a.txt", "1", micros: 0)], ["budget": 0])
            let failed = await workflows.get(path)
            #expect(failed["status"] == "failed" && failed["error_code"] == "budget-exceeded", "\(failed)")
            #expect(failed["cost_micros"] == 0)
            #expect(await workflows.levels() == [10, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a step waits while the rest of the budget is reserved for others`(engine: Engine) async throws {
        let answer = #"{"answer": "Yes.", "confidence": 0.9}"#.replacing("\"", with: "\\\"")
        let body = """
            {"choices": [{"message": {"content": "\(answer)"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 201}}
            """
        let response = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        try await ScriptedServer.with(.bytes(response)) { server in
            try await withWorkflows(
                engine,
                change: {
                    $0.openAIBaseURL = "http://127.0.0.1:\(server.port)/v1"
                    $0.openAIModel = "m"
                    $0.modelPrices = ["m=2.5"]
                }
            ) { workflows in
                // A call may cost more than half of the budget, and costs a twentieth.
                let path = try await workflows.run((1...3).map { Node.ask("n\($0)") }, ["budget": 0.06])
                let done = await workflows.get(path)
                #expect(done["status"] == "completed" && done["cost_micros"] == 9_009, "\(done)")
            }
        }
    }
}

@Suite(.needsModels) struct ModelBudgetTests {
    @Test(arguments: Engine.available)
    func `no model is asked beyond the budget, neither for a plan nor for an answer`(engine: Engine) async throws {
        try await withModels(engine) { workflows, model, _ in
            let sentence = try await workflows.run(intent: "Écris bonjour dans un fichier", ["budget": 0])
            let refused = await workflows.get(sentence)
            #expect(refused["status"] == "failed" && refused["error_code"] == "budget-exceeded", "\(refused)")
            let asked = try await workflows.run(
                [
                    Node.make(
                        "ask", "model_answer", "language", ["prompt": "What is it?"], micros: 0)
                ], ["budget": 0])
            #expect(await workflows.get(asked)["error_code"] == "budget-exceeded")
            #expect(try await model.count() == 0)
            #expect(await workflows.levels() == [10, 0, 0])
        }
    }
}
