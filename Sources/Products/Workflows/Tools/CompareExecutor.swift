import Foundation
import GoalGraphs
import Modules

/// Compares two numbers, or two texts line by line.
final class CompareExecutor: ToolExecutor {
    let tool = Tool.compare

    /// Lines of both texts together whose differences are searched: the time grows with their square.
    private static let linesMax = 4_000
    /// Differences that are listed.
    private static let shownMax = 100

    func run(_ run: StepRun) async throws -> ToolResult {
        let (left, right) = (try run.requiredText("left"), try run.requiredText("right"))
        return .output(NodeOutput(text: Self.comparison(left, right)))
    }

    static func comparison(_ left: String, _ right: String) -> String {
        if let first = TableNumber(left), let second = TableNumber(right) {
            if first.value == second.value { return "equal" }
            let difference = TableNumber(second.value - first.value)
            return "different: \(first) is \(first.value < second.value ? "less" : "greater") than \(second), by "
                + "\(difference.magnitude)"
        }
        let (before, after) = (lines(left), lines(right))
        guard before != after else { return "equal" }
        guard before.count + after.count <= linesMax else {
            let common = zip(before, after).prefix { $0 == $1 }.count
            return "different from line \(common + 1) on: \(before.count) lines, and \(after.count) lines"
        }
        let changes = after.difference(from: before)
        var shown = changes.prefix(shownMax).map { change in
            switch change {
            case .remove(let offset, let line, _): "- \(offset + 1): \(line)"
            case .insert(let offset, let line, _): "+ \(offset + 1): \(line)"
            }
        }
        if changes.count > shownMax { shown.append("and \(changes.count - shownMax) more") }
        return "different\n" + shown.joined(separator: "\n")
    }

    private static func lines(_ text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }
}
