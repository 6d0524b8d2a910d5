import Base
import Foundation
import GoalGraphs
import TestKit
import Testing

@Suite struct GoalGraphSchemaTests {
    private let schema = GoalGraphSchema(tools: ToolCatalog.all.without(["run_command"]))

    private func answer(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    private func faults(_ text: String) throws -> [String] {
        let answer = try answer(text)
        do throws(GoalGraphAnswerFault) {
            _ = try schema.graph(from: answer)
            return []
        } catch {
            #expect("\(error)".hasSuffix("."))
            return error.faults.map { "\($0.pointer) \($0.detail)" }
        }
    }

    @Test func `an answer with the least members becomes a valid graph`() throws {
        let graph = try schema.graph(
            from: try answer(
                #"""
                {"nodes": [
                  {"id": "page", "description": "Gets the page.", "tool": "http_request",
                   "arguments": {"url": "https://example.com"},
                   "success_criteria": [{"kind": "status_is", "value": 200}, {"kind": "not_empty"}]},
                  {"id": "mail", "description": "Sends it.", "tool": "send_email", "estimated_seconds": 4.5,
                   "arguments": {"to": ["me"], "subject": "Page", "text": {"$output": "page"}}}
                ], "trigger": null}
                """#))
        #expect(graph["page"]?.successCriteria == [.statusIs(200), .notEmpty])
        #expect(graph["mail"]?.dependencies == ["page"], "a reference is a dependency")
        #expect(graph["mail"]?.capabilities == [.mail])
        #expect(graph["mail"]?.estimatedSeconds == 4.5)
        #expect(graph["mail"]?.estimatedCost == Tool.sendEmail.usualCost)
        #expect(GoalGraphValidator().faults(in: graph) == [])
    }

    @Test func `graphs survive being written and read as answers`() throws {
        var generator = GraphGenerator(seed: 21)
        for _ in 0..<100 {
            var graph = generator.graph()
            graph.trigger = Trigger(cron: "0 9 * * 1", timeZone: "Europe/Berlin")
            let json = try JSONValue(parsing: try JSONEncoder().encode(graph))
            #expect(try GoalGraphSchema(tools: .all).graph(from: json) == graph)
        }
    }

    @Test func `every fault is named by its place`() throws {
        #expect(
            try faults(
                #"""
                {"nodes": [
                  {"id": 7, "tool": "launch", "arguments": [], "dependencies": ["a", 1], "colour": "red"},
                  "fetch",
                  {"id": "b", "description": "B", "tool": "read_file", "arguments": {"path": "a.csv"},
                   "success_criteria": [
                     {"kind": "is_nice"}, {"kind": "contains"}, {"kind": "rows_at_least", "value": 1.5}
                   ], "estimated_cost_micros": -1, "capabilities": ["files", "magic"]}
                ], "trigger": {"cron": "0 9 * * 1"}, "steps": []}
                """#) == [
                    "/steps is not a member; those are nodes, trigger",
                    "/nodes/0/colour is not a member; those are arguments, capabilities, dependencies, description, "
                        + "estimated_cost_micros, estimated_seconds, id, success_criteria, tool",
                    "/nodes/0/id is not a string",
                    "/nodes/0/description is missing",
                    "/nodes/0/tool is 'launch', which is not offered; the tools are "
                        + ToolCatalog.all.without(["run_command"]).tools.map(\.name).joined(separator: ", "),
                    "/nodes/0/arguments is not an object",
                    "/nodes/0/dependencies/1 is not a string",
                    "/nodes/1 is not an object",
                    "/nodes/2/success_criteria/0/kind is not one of not_empty, contains, status_is, valid_json, "
                        + "rows_at_least",
                    "/nodes/2/success_criteria/1/value is missing",
                    "/nodes/2/success_criteria/2/value is not a whole number",
                    "/nodes/2/capabilities/1 is not one of web, mail, files, data, scheduling, commands, integrations, "
                        + "language",
                    "/nodes/2/estimated_cost_micros is not a number of 0 or more",
                    "/trigger/time_zone is missing",
                ])
    }

    @Test(arguments: ["[]", "\"nothing\"", "null", "{}", #"{"nodes": {}}"#, "3"])
    func `an answer that is something else is refused`(text: String) throws {
        #expect(try faults(text).count == 1)
    }

    @Test func `a tool that was not offered is refused`() throws {
        let found = try faults(
            #"{"nodes": [{"id": "a", "description": "A", "tool": "run_command", "arguments": {"command": "id"}}]}"#)
        #expect(found.count == 1 && found[0].contains("which is not offered"))
    }

    @Test func `large answers are refused with a bounded text`() throws {
        let node: JSONValue = ["tool": 1]
        let many = JSONValue.object(["nodes": .array(Array(repeating: node, count: 200))])
        do throws(GoalGraphAnswerFault) {
            _ = try schema.graph(from: many)
            Issue.record("accepted")
        } catch {
            #expect(error.faults.count == 800)
            #expect("\(error)".hasSuffix("There are 780 more faults.") && "\(error)".utf8.count < 4_000)
        }
        let tooMany = JSONValue.object(["nodes": .array(Array(repeating: node, count: 201))])
        #expect(throws: GoalGraphAnswerFault.self) { try schema.graph(from: tooMany) }
    }

    @Test func `the schema and the guide name the tools that are offered`() {
        let offered = schema.json["properties"]?["nodes"]?["items"]?["properties"]?["tool"]?["enum"]?.array
        #expect(offered?.compactMap(\.string) == ToolCatalog.all.without(["run_command"]).tools.map(\.name))
        for tool in ToolCatalog.all.tools {
            #expect(schema.guide.contains("- \(tool.name): ") == (tool.name != "run_command"))
        }
    }
}
