import Base
import GoalGraphs
import TestKit
import Testing

/// Each documented form, with random words of its alternatives and random values in its slots.
@Suite struct RulePlannerFormTests {
    /// Forms with sentences or several outputs in them, which have tests of their own.
    private static let special: Set = ["compare.outputs", "workflow.run", "workflow.schedule"]

    private static let steps = RulePlanner.forms.filter { !$0.id.hasPrefix("time.") && !special.contains($0.id) }
    private static let times = RulePlanner.forms.filter { $0.id.hasPrefix("time.") && $0.id != "time.zone" }

    @Test func `there are at least 40 forms of steps, and their names and examples differ`() {
        #expect(Self.steps.count >= 40)
        #expect(Set(RulePlanner.forms.map(\.id)).count == RulePlanner.forms.count)
        #expect(Set(RulePlanner.forms.map(\.example)).count == RulePlanner.forms.count)
    }

    @Test(arguments: steps.map(\.id))
    func `a form is planned with whatever stands in its slots`(id: String) throws {
        let form = try #require(RulePlanner.forms.first { $0.id == id })
        var generator = FormGenerator(seed: id.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
        var variants: Set<String> = []
        for _ in 0..<16 {
            let sentence = generator.sentence(form)
            // "It" is the table base.csv.
            let text = "read base.csv, then \(sentence.text)"
            var expected = ExpectedPlan()
            _ = expected.expect("file.read", ["files": ["base.csv"]])
            let outcome = expected.expect(id, sentence.values)
            guard outcome != .unknown else {
                Issue.record("no expectation of the form \(id)")
                return
            }
            do throws(PlanRefusal) {
                let graph = try RulePlanner().plan(text)
                #expect(outcome == .planned, "\(text)")
                let steps = graph.nodes.map { ExpectedPlan.Step(tool: $0.tool, arguments: $0.arguments) }
                #expect(steps.count == expected.steps.count, "\(text)")
                for (step, expected) in zip(steps, expected.steps) { #expect(step == expected, "\(text)") }
                #expect(graph.trigger == nil)
                let limits = GoalGraphLimits(trust: .elevated)
                #expect(GoalGraphValidator(limits: limits).faults(in: graph) == [], "\(text)")
            } catch { #expect(outcome == .refused, "\(text): \(error)") }
            variants.insert(sentence.text)
        }
        #expect(variants.count >= (id == "file.list" ? 4 : 8), "the sentences of a form differ")
    }

    @Test(arguments: times.map(\.id))
    func `recurring times become cron expressions`(id: String) throws {
        let form = try #require(RulePlanner.forms.first { $0.id == id })
        var generator = FormGenerator(seed: UInt64(id.utf8.count))
        for round in 0..<16 {
            var sentence = generator.sentence(form)
            let counts = [2, 3, 4, 6, 12]
            if let number = sentence.values["number"]?.integer {
                // Only some numbers divide an hour or a day evenly.
                let count = counts[round % counts.count]
                #expect(throws: PlanRefusal.self) { try RulePlanner().plan("read a.csv \(sentence.text)") }
                sentence = .init(
                    text: sentence.text.replacing("\(number)", with: "\(count)"),
                    values: ["number": .integer(Int64(count))])
            }
            let zone = round % 2 == 0 ? nil : "America/New_York"
            let time = sentence.text + (zone.map { " in \($0)" } ?? "")
            let text = round % 3 == 0 ? "\(time), read a.csv" : "read a.csv \(time)"
            let graph = try RulePlanner(timeZone: "Asia/Tokyo").plan(text)
            #expect(graph.trigger?.cron == Self.cron(id, sentence.values), "\(text)")
            #expect(graph.trigger?.timeZone == zone ?? "Asia/Tokyo")
            #expect(graph.nodes.map(\.tool) == ["read_file"])
        }
    }

    private static func cron(_ id: String, _ values: [String: JSONValue]) -> String? {
        func numbers(_ value: JSONValue?) -> String {
            (value?.array ?? []).compactMap(\.integer).sorted().map(String.init).joined(separator: ",")
        }
        let minute = values["times"]?["minute"]?.integer ?? 0
        let clock = "\(minute) \(values["times"]?["hours"]?.string ?? "0")"
        return switch id {
        case "time.day", "time.timeFirst": "\(clock) * * *"
        case "time.weekdays", "time.onWeekdays", "time.timeFirstWeekdays": "\(clock) * * \(numbers(values["weekdays"]))"
        case "time.hour": "0 * * * *"
        case "time.hours": "0 */\(values["number"]!.integer!) * * *"
        case "time.minutes": "*/\(values["number"]!.integer!) * * * *"
        case "time.month", "time.monthly": "\(clock) \(numbers(values["days"])) * *"
        case "time.year", "time.date":
            "\(clock) \(values["date"]!["day"]!.integer!) \(values["date"]!["month"]!.integer!) *"
        default: nil
        }
    }

    @Test func `two outputs are compared by "them"`() throws {
        var generator = FormGenerator(seed: 31)
        let form = try #require(RulePlanner.forms.first { $0.id == "compare.outputs" })
        for _ in 0..<10 {
            let (first, second) = (generator.file().0, generator.file().0)
            let graph = try RulePlanner().plan("read \(first) and \(second), then \(generator.sentence(form).text)")
            #expect(graph.nodes.last?.arguments == ["left": ["$output": "step1"], "right": ["$output": "step2"]])
        }
    }

    @Test func `a sentence within a sentence is checked and kept`() throws {
        var generator = FormGenerator(seed: 32)
        for id in ["workflow.run", "workflow.schedule"] {
            let form = try #require(RulePlanner.forms.first { $0.id == id })
            for _ in 0..<10 {
                let inner = "read \(generator.file().0) and e-mail it to me"
                var sentence = generator.sentence(form)
                let quoted = sentence.values["text"]!.string!
                #expect(throws: PlanRefusal.self) { try RulePlanner().plan(sentence.text) }
                sentence = .init(text: sentence.text.replacing(quoted, with: inner), values: sentence.values)
                let node = try #require(try RulePlanner().plan(sentence.text).nodes.first)
                #expect(node.arguments["intent"]?.string == inner)
                #expect(node.arguments["cron"] == sentence.values["recurrence"]?["cron"])
                #expect(node.arguments["time_zone"] == sentence.values["recurrence"]?["zone"])
            }
        }
    }

    @Test func `examples are understood`() throws {
        for form in RulePlanner.forms {
            let isTime = form.id.hasPrefix("time.")
            let prefix =
                isTime ? "read sales.csv \(form.id == "time.zone" ? "every day " : "")" : "read a.csv and b.csv, then "
            #expect(throws: Never.self, "\(form.example)") { try RulePlanner().plan(prefix + form.example) }
        }
    }
}
