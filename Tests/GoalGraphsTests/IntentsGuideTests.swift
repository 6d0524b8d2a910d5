import Foundation
import GoalGraphs
import TestKit
import Testing

/// The guide of sentences shows the forms as the planner has them.
@Suite struct IntentsGuideTests {
    @Test func `the guide lists every form with its example, and no others`() throws {
        let text = try String(contentsOf: Repository.url("docs/guides/intents.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```text\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        let lines = blocks.flatMap { $0.components(separatedBy: "\n") }
        #expect(lines == RulePlanner.forms.flatMap { [$0.pattern, "    " + $0.example] })
    }

    @Test func `the sentence at its beginning is understood`() throws {
        let text = try String(contentsOf: Repository.url("docs/guides/intents.md"), encoding: .utf8)
        let sentence = try #require(text.components(separatedBy: "```\n").dropFirst().first)
        let graph = try RulePlanner().plan(sentence)
        #expect(graph.trigger == Trigger(cron: "0 9 * * 1", timeZone: "Europe/Berlin"))
        #expect(graph.nodes.count == 6)
    }
}
