import Base
import GoalGraphs
import TestKit
import Testing

/// Sentences of several steps, with recurring times.
@Suite struct RulePlannerCombinationTests {
    /// Separators, and whether the next step waits for those before.
    private static let separators: [(String, Bool)] = [
        (" and ", false), (", ", false), (", and ", false), (" and please ", false), (", also ", false),
        (" then ", true), (", then ", true), (" and then ", true), (". ", true), ("; ", true), (", and then ", true),
        (". Then ", true), (". Finally, ", true), (" and afterwards ", true), ("! Next, ", true),
    ]

    /// They need a table as "it".
    private static func needsTable(_ form: String) -> Bool {
        ["table.", "aggregate.", "convert.format"].contains { form.hasPrefix($0) }
    }

    /// Forms that are refused in some combinations, or whose steps wait for those of other forms.
    private static let excluded: Set = [
        "compare.outputs", "compare.two", "compare.same", "compare.differences", "convert.format", "convert.file",
        "workflow.run", "workflow.schedule", "workflow.command", "file.list",
    ]

    @Test func `steps follow in the order of the sentence, and "then" waits`() throws {
        let forms = RulePlanner.forms.filter { !$0.id.hasPrefix("time.") && !Self.excluded.contains($0.id) }
        var generator = FormGenerator(seed: 41)
        for round in 0..<150 {
            var (text, expected) = ("read base.csv", ExpectedPlan())
            _ = expected.expect("file.read", ["files": ["base.csv"]])
            /// By step, the number of "then" before it.
            var segments = [0]
            for _ in 0..<generator.pick(1...4) {
                let form = forms.randomElement(using: &generator.random)!
                guard expected.hasTable || !Self.needsTable(form.id) else { continue }
                let sentence = generator.sentence(form)
                let (separator, waits) = Self.separators.randomElement(using: &generator.random)!
                #expect(expected.expect(form.id, sentence.values) == .planned)
                text += separator + sentence.text
                let segment = segments[segments.count - 1] + (waits ? 1 : 0)
                segments += Array(repeating: segment, count: expected.steps.count - segments.count)
            }
            let times = [("", nil), ("every Monday at 9:30", "30 9 * * 1"), ("on the 1st of each month", "0 0 1 * *")]
            let (time, cron) = times[round % times.count]
            if !time.isEmpty { text = round % 2 == 0 ? "\(time), \(text)" : "\(text) \(time)" }
            do throws(PlanRefusal) {
                let graph = try RulePlanner().plan(text)
                let steps = graph.nodes.map { ExpectedPlan.Step(tool: $0.tool, arguments: $0.arguments) }
                #expect(steps.count == expected.steps.count, "\(text)")
                for (step, expected) in zip(steps, expected.steps) { #expect(step == expected, "\(text)") }
                #expect(graph.trigger?.cron == cron)
                Self.check(graph, segments, text)
            } catch { Issue.record("\(text): \(error)") }
        }
    }

    /// Steps wait for all steps before a "then", and otherwise only for those that they use.
    private static func check(_ graph: GoalGraph, _ segments: [Int], _ text: String) {
        #expect(GoalGraphValidator(limits: GoalGraphLimits(trust: .elevated)).faults(in: graph) == [], "\(text)")
        var earlier: [String: Set<String>] = [:]
        for node in graph.nodes {
            earlier[node.id] = node.dependencies.reduce(into: Set(node.dependencies)) { $0.formUnion(earlier[$1]!) }
        }
        for (index, node) in graph.nodes.enumerated() {
            for before in 0..<index where segments[before] < segments[index] {
                #expect(earlier[node.id]!.contains(graph.nodes[before].id), "\(text)")
            }
            let own = node.dependencies.filter { id in
                segments[graph.nodes.firstIndex { $0.id == id }!] == segments[index]
            }
            #expect(Set(own) == Set(node.references).intersection(own), "\(text)")
        }
    }

    @Test func `steps that need nothing of one another run at the same time`() throws {
        let graph = try RulePlanner().plan(
            "fetch https://a.example, fetch https://b.example and read c.csv, then send an e-mail to me saying \"Done\""
        )
        #expect(graph.levels == [["step1", "step2", "step3"], ["step4"]])
    }

    @Test func `files are read after they are written, and written after they are read`() throws {
        let graph = try RulePlanner().plan(
            "write \"a\" to a.txt and read a.txt and write \"b\" to a.txt and read a.txt and e-mail a.txt to me")
        #expect(graph.nodes.map(\.tool) == ["write_file", "read_file", "write_file", "read_file", "send_email"])
        #expect(graph.nodes.map(\.dependencies) == [[], ["step1"], ["step2"], ["step3"], ["step4"]])
    }

    @Test func `a command waits for the files before it, and later files for the command`() throws {
        let graph = try RulePlanner().plan(
            "write \"a\" to a.txt, read b.txt, run the command \"sort a.txt\" and read b.txt and list the files")
        #expect(
            graph.nodes.map(\.dependencies) == [[], [], ["step1", "step2"], ["step3"], ["step4"]])
    }

    @Test func `a table is converted where the file that it is written to asks for it`() throws {
        let graph = try RulePlanner().plan("read a.csv, keep the first 3 rows, save it as a.json and save it as b.json")
        #expect(graph.nodes.map(\.tool) == ["read_file", "csv_transform", "csv_transform", "write_file", "write_file"])
        #expect(graph.nodes[2].arguments["operation"] == "convert")
        #expect(graph.nodes[4].arguments["text"] == ["$output": "step3"])
    }

    /// Sentences as users write them.
    @Test(
        arguments: [
            (
                "Every weekday at 8:30 am in Europe/Berlin, check that https://status.example returns 200.",
                ["http_request"], "30 8 * * 1,2,3,4,5"
            ),
            (
                "Could you please fetch https://api.example/orders.json, count the rows where status is open and notify "
                    + "ann@example.com about the count?",
                ["http_request", "json_transform", "json_transform", "send_email"], nil
            ),
            (
                "Group sales.csv by region and sum amount; sort it by amount from high to low; save it as report.json; "
                    + "e-mail it to me with the subject 'Sales per region'",
                [
                    "read_file", "csv_transform", "csv_transform", "csv_transform", "write_file", "send_email",
                ], nil
            ),
            (
                "compare https://a.example/x.csv with old/x.csv and mail the differences to me monthly on the 15th",
                ["http_request", "read_file", "compare", "send_email"], "0 0 15 * *"
            ),
            (
                "summarise the text of https://news.example in 3 sentences, translate it into French and send it to me",
                ["http_request", "model_answer", "model_answer", "send_email"], nil
            ),
            (
                "remind me to \"pay the rent\" every year on 1 January at noon", ["send_email"], "0 12 1 1 *"
            ),
            (
                "FIND THE TOP 3 ROWS OF people.csv BY age AND E-MAIL THE RESULT TO ann@example.com",
                ["read_file", "csv_transform", "csv_transform", "send_email"], nil
            ),
            (
                "read a.csv.\nRemove the duplicates.\n\nThen convert it to JSON, and post the result to https://x.example/hook",
                ["read_file", "csv_transform", "csv_transform", "http_request"], nil
            ),
        ] as [(String, [String], String?)])
    func `sentences of users are planned`(sentence: String, tools: [String], cron: String?) throws {
        let graph = try RulePlanner().plan(sentence)
        #expect(graph.nodes.map(\.tool) == tools)
        #expect(graph.trigger?.cron == cron)
    }
}
