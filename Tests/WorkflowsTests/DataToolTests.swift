import Base
import GoalGraphs
import Modules
import TestKit
import Testing

@testable import Workflows

/// The work that texts of others can cause.
@Suite struct DataToolTests {
    private static let accent = "e\u{301}"

    /// A search that begins anew at each place would make 10^9 comparisons.
    @Test func `texts are searched in linear time`() {
        let text = String(repeating: "x", count: 1 << 20)
        let matcher = RowMatcher(RowCondition("a", .notContains, String(repeating: "X", count: 990) + "y"))
        #expect(matcher.holds(for: text))
        #expect(!SuccessCriterion.contains(String(repeating: "x", count: 990) + "y").isMet(by: NodeOutput(text: text)))
        for (value, cell, isFound) in [
            ("", "", true), ("a", "", false), ("aab", "aaab", true), ("abab", "abaabab", true), ("abc", "ab", false),
            ("ä", "xÄ", true), ("abac", "ababac", true), ("abac", "ababab", false),
        ] { #expect(RowMatcher(RowCondition("a", .contains, value)).holds(for: cell) == isFound, "\(value) \(cell)") }
        for (comparison, value, holds) in [
            (RowCondition.Comparison.startsWith, "BER", true), (.startsWith, "lin", false), (.endsWith, "LIN", true),
            (.endsWith, "xberlin", false), (.equals, "Berlin", true), (.notEquals, "Bonn", true), (.less, "Bonn", true),
        ] { #expect(RowMatcher(RowCondition("a", comparison, value)).holds(for: "Berlin") == holds, "\(value)") }
    }

    @Test func `cells are compared by their bytes`() throws {
        // As cells that Swift normalises, each comparison would take the square of this length.
        let marks = String(repeating: "\u{301}\u{323}", count: 10_000)
        let table = try Table(csv: "a\nx\(marks)1\nx\(marks)2\nx\(marks)1\n")
        #expect(try table.applying(.distinct([])).rows.count == 2)
        #expect(try table.applying(.aggregate(.count, of: nil, by: "a")).rows.count == 2)
        #expect(try table.applying(.sort(by: "a", descending: true)).rows.first?[0].cellText.hasSuffix("2") == true)
        #expect(try Table(csv: "a\n\u{E9}\n\(Self.accent)\n").applying(.distinct([])).rows.count == 2)
    }

    @Test func `differences of many lines are the fewest, in their order`() {
        func comparison(_ before: [String], _ after: [String]) -> String {
            CompareExecutor.comparison(before.joined(separator: "\n"), after.joined(separator: "\n"))
        }
        #expect(comparison(["a", "b", "c", "d"], ["a", "c", "x", "d"]) == "different\n- 2: b\n+ 3: x")
        #expect(comparison(["a"], ["a", "a"]) == "different\n+ 2: a")
        #expect(comparison(["a", "b", "a"], ["a"]) == "different\n- 2: b\n- 3: a")
        let line = String(repeating: Self.accent, count: 160)
        let lines = (0..<300).map { "\(line)\($0)" }
        let result = comparison(lines, lines.reversed())
        #expect(result.hasPrefix("different\n- 1: ") && result.hasSuffix("\nand 498 more"))
        // What is equal at the beginning and at the end does not count.
        let more = (0..<2_100).map { "\($0)" }
        #expect(comparison(more, more + ["y"]) == "different\n+ 2101: y")
        #expect(
            comparison(["a"] + more, ["a"] + more.reversed())
                == "different from line 2 on: 2101 lines, and 2101 lines")
    }

    @Test(arguments: Engine.available)
    func `tools that compute have slots that organisations share`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let path = try await workflows.run([
                Node.make("compare", "compare", "data", ["left": "a", "right": "b"]),
                Node.make(
                    "filter", "csv_transform", "data",
                    [
                        "input": "city\nBerlin\nRome\n", "operation": "filter",
                        "conditions": [["column": "city", "comparison": "contains", "value": "ER"]],
                    ], criteria: [["kind": "contains", "value": "lin"]]),
            ])
            #expect(await workflows.get(path)["status"] == "completed")
            #expect(await workflows.output("compare", of: path) == "different\n- 1: a\n+ 1: b")
            #expect(await workflows.output("filter", of: path) == "city\nBerlin\n")
            #expect(try await workflows.count("jobs WHERE kind = 'workflows.step' AND lane = 'short'") == 2)
        }
    }

    /// 34 kB, of which cells for every member in every row would take a gigabyte.
    @Test(arguments: Engine.available)
    func `objects that share no members make no cells without end`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let wide = (0..<500).map { "\"c\($0)\":1" }.joined(separator: ",")
            let path = try await workflows.transform(
                "[{\(wide)}" + String(repeating: ",{}", count: 10_000) + "]",
                ["operation": "sort", "column": "c1"])
            let step = await workflows.step("table", of: path)
            #expect(step?["failure"] == "resource_exhaustion" && step?["attempts"] == 1, "\(step ?? .null)")
            #expect(step?["error"]?.string?.contains("1048576 cells") == true, "\(step ?? .null)")
            // A long name in every row.
            let name = String(repeating: "x", count: 1_000)
            let long = try await workflows.transform(
                "\(name)\n" + String(repeating: "1\n", count: 10_000), ["operation": "convert"],
                tool: "csv_transform")
            #expect(await workflows.step("table", of: long)?["failure"] == "resource_exhaustion")
        }
    }

    @Test(arguments: Engine.available)
    func `objects keep their members, and numbers their digits`(engine: Engine) async throws {
        try await withWorkflows(engine) { workflows in
            let sort: [String: JSONValue] = ["operation": "sort", "column": "a"]
            for (input, arguments, output) in [
                (#"[{"b":null,"c":1},{"a":2}]"#, sort, #"[{"a":2},{"b":null,"c":1}]"#),
                (
                    #"[{"a":2,"b":{"z":[12345678901234567.25],"y":0.10000000000000000001}},{"a":1.50}]"#, sort,
                    #"[{"a":1.5},{"a":2,"b":{"y":0.10000000000000000001,"z":[12345678901234567.25]}}]"#
                ),
                (
                    #"[{"a":123456789012345678},{"a":1}]"#,
                    ["operation": "aggregate", "function": "sum", "column": "a"], #"[{"sum_a":123456789012345679}]"#
                ),
                (
                    #"[{"a":[12345678901234567.25]}]"#, ["operation": "convert"], "a\n[12345678901234567.25]\n"
                ),
                (#"[{"b":1},{"a":1}]"#, ["operation": "select", "columns": ["a", "a"]], #"[{},{"a":1}]"#),
            ] {
                let path = try await workflows.transform(input, arguments)
                #expect(await workflows.output("table", of: path) == output)
            }
        }
    }
}

extension WorkflowsFixture {
    /// Runs the step `table` with a file of that text.
    /// - Returns: the path of the workflow.
    fileprivate func transform(
        _ text: String, _ arguments: [String: JSONValue], tool: String = "json_transform"
    ) async throws -> String {
        try await run(
            [
                Node.read("read", "a.txt"),
                Node.make(
                    "table", tool, "data", arguments.merging(["input": Node.output("read")]) { $1 }, after: ["read"]),
            ], ["context": ["files": ["a.txt": .string(text)]]])
    }
}
