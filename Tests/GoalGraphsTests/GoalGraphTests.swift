import Base
import Foundation
import GoalGraphs
import Testing

@Suite struct GoalGraphTests {
    private let node = GoalNode(
        id: "step2", description: "Sends the page to ann@example.com.", capabilities: [.mail], tool: "send_email",
        arguments: ["to": "ann@example.com", "parts": [["text": ["$output": "step1"]], "end"]],
        dependencies: ["step1"],
        successCriteria: [.notEmpty, .contains("ok"), .statusIs(250), .validJSON, .rowsAtLeast(3)],
        estimatedCost: MicroDollars(1_500), estimatedSeconds: 2.5)

    @Test func `are stored as JSON and read again`() throws {
        let graph = GoalGraph(nodes: [node], trigger: Trigger(cron: "0 9 * * 1", timeZone: "Europe/Berlin"))
        let json = try JSONEncoder().encode(graph)
        #expect(try JSONDecoder().decode(GoalGraph.self, from: json) == graph)
        let value = try JSONValue(parsing: json)
        #expect(value["trigger"]?["time_zone"] == "Europe/Berlin")
        #expect(value["nodes"]?[0]?["success_criteria"]?[1] == ["kind": "contains", "value": "ok"])
        #expect(value["nodes"]?[0]?["estimated_cost_micros"] == 1_500)
    }

    @Test func `give the outputs of earlier nodes in place of references, at any depth`() {
        #expect(node.references == ["step1"])
        #expect(
            node.arguments(with: ["step1": NodeOutput(text: "a page")])
                == ["to": "ann@example.com", "parts": [["text": "a page"], "end"]])
        #expect(node.arguments(with: [:]) == nil)
    }

    @Test func `have success criteria that a program checks`() {
        let output = NodeOutput(text: #"{"total": 3}"#, status: 200, rows: 2)
        let met: [SuccessCriterion] = [.notEmpty, .contains("total"), .statusIs(200), .validJSON, .rowsAtLeast(2)]
        for criterion in met { #expect(criterion.isMet(by: output), "\(criterion)") }
        let unmet: [SuccessCriterion] = [.contains("Total"), .statusIs(201), .rowsAtLeast(3)]
        for criterion in unmet { #expect(!criterion.isMet(by: output), "\(criterion)") }
        let blank = NodeOutput(text: " \n")
        for criterion in [.notEmpty, .validJSON, .statusIs(200), .rowsAtLeast(0)] as [SuccessCriterion] {
            #expect(!criterion.isMet(by: blank), "\(criterion)")
        }
    }

    @Test func `have costs in millionths of a dollar, without overflow`() {
        #expect("\(MicroDollars(150_000))" == "0.15 USD")
        #expect(MicroDollars(2) + MicroDollars(3) == MicroDollars(5))
        #expect(MicroDollars(.max) + MicroDollars(1) == MicroDollars(.max))
        #expect(MicroDollars(.min) + MicroDollars(-1) == MicroDollars(.min))
    }
}
