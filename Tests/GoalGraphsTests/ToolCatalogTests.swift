import Base
import GoalGraphs
import TestKit
import Testing

@Suite struct ToolCatalogTests {
    private func faults(_ tool: Tool, _ arguments: [String: JSONValue]) -> [String] {
        tool.faults(in: arguments).map(\.description)
    }

    @Test func `trust levels include the lower ones`() {
        #expect(TrustLevel.allCases == TrustLevel.allCases.sorted())
        func names(_ level: TrustLevel) -> Set<String> {
            Set(ToolCatalog.all.tools.filter { $0.trust <= level }.map(\.name))
        }
        #expect(names(.restricted) == ["read_file", "list_directory", "csv_transform", "json_transform", "compare"])
        #expect(
            names(.standard).subtracting(names(.restricted))
                == ["write_file", "http_request", "send_email", "schedule", "sub_workflow", "model_answer"])
        #expect(names(.elevated).subtracting(names(.standard)) == ["run_command", "mcp_call"])
        #expect(ToolCatalog.all.without(["run_command"])["run_command"] == nil)
    }

    @Test func `arguments are checked by their parameters`() {
        #expect(faults(.httpRequest, ["url": "https://example.com", "method": "GET"]) == [])
        #expect(faults(.httpRequest, ["url": ["$output": "step1"]]) == [])
        #expect(
            faults(.httpRequest, ["url": 7, "method": "BREW", "header": "x"]) == [
                "'url' is not a text or a reference to the output of a step",
                "'method' is not one of GET, HEAD, POST, PUT, PATCH, DELETE",
                "'header' is not an argument; those are url, method, body, content_type",
            ])
        #expect(faults(.sendEmail, ["to": [], "subject": "a", "text": "b"]).first?.hasPrefix("'to' has 0") == true)
        #expect(
            faults(.sendEmail, ["to": ["a@example.com", 3], "subject": "a", "text": "b"])
                == ["'to[1]' is not a text or a reference to the output of a step"])
        #expect(
            faults(.httpRequest, ["url": .string(String(repeating: "a", count: 2_049))])
                == ["'url' has 2049 bytes; 2048 are accepted"])
        #expect(faults(.modelAnswer, ["prompt": "a", "verify": true]) == [])
        #expect(faults(.modelAnswer, ["prompt": "a", "verify": "yes"]) == ["'verify' is not true or false"])
        #expect(faults(.mcpCall, ["server": "a", "tool": "b", "arguments": []]) == ["'arguments' is not an object"])
        let nested = (0..<15).reduce([:] as JSONValue) { value, _ in ["a": value] }
        #expect(faults(.mcpCall, ["server": "a", "tool": "b", "arguments": nested]) == [])
        #expect(
            faults(.mcpCall, ["server": "a", "tool": "b", "arguments": ["a": nested]])
                == ["'arguments' is nested more than 16 levels deep"])
    }

    private static let operations: [TableOperation] = [
        .filter([RowCondition("a", .atLeast, "3"), RowCondition("b", .isEmpty)]), .select(["a", "b"]), .drop(["a"]),
        .rename("a", to: "b"), .sort(by: "a", descending: true), .limit(10),
        .aggregate(.sum, of: "a", by: "b"), .aggregate(.count, of: nil, by: nil), .distinct([]), .distinct(["a"]),
        .values(["a"]), .summarise, .convert,
    ]

    @Test(arguments: operations)
    func `operations on tables are written as arguments and read again`(operation: TableOperation) throws {
        var arguments = operation.arguments
        #expect(try TableOperation(arguments: arguments) == operation)
        arguments["input"] = ["$output": "step1"]
        #expect(faults(.csvTransform, arguments) == [] && faults(.jsonTransform, arguments) == [])
    }

    @Test func `operations need their own arguments, and no others`() {
        func faults(_ arguments: [String: JSONValue]) -> [String] {
            self.faults(.csvTransform, arguments.merging(["input": "a,b"]) { $1 })
        }
        #expect(faults(["operation": "filter"]) == ["'conditions' is missing"])
        #expect(faults(["operation": "sort"]) == ["'column' is missing"])
        #expect(faults(["operation": "limit"]) == ["'count' is missing"])
        #expect(faults(["operation": "limit", "count": 0]) == ["'count' is not between 1 and 1000000"])
        #expect(faults(["operation": "aggregate", "function": "sum"]) == ["'column' is missing"])
        #expect(faults(["operation": "convert", "column": "a"]) == ["'column' is not used by convert"])
        #expect(faults(["operation": "select", "columns": [""]]) == ["'columns[0]' is not the name of a column"])
        let condition: JSONValue = ["column": "a", "comparison": "equals"]
        #expect(faults(["operation": "filter", "conditions": [condition]]) == ["'conditions[0].value' is missing"])
    }

    @Test func `comparisons that have an opposite have it both ways`() {
        for comparison in RowCondition.Comparison.allCases {
            guard let negated = comparison.negated else { continue }
            #expect(negated.negated == comparison && negated.needsValue == comparison.needsValue)
        }
    }

    @Test func `the arguments have a JSON Schema`() {
        let schema = Tool.csvTransform.schema
        #expect(schema["required"] == ["input", "operation"])
        #expect(schema["properties"]?["conditions"]?["items"]?["required"] == ["column", "comparison"])
        #expect(schema["additionalProperties"] == false)
    }
}
