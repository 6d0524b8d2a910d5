import Foundation
import GoalGraphs
import Modules

/// Compares two numbers, or two texts line by line.
final class CompareExecutor: ToolExecutor {
    let tool = Tool.compare
    let lane = JobLane.short
    private let compute: BlockingPool

    /// Lines of both texts together, without those that are equal at their beginnings and ends, whose differences are
    /// searched: the time and the memory grow with their square.
    private static let linesMax = 4_000
    /// Differences that are listed.
    private static let shownMax = 100

    init(compute: BlockingPool) { self.compute = compute }

    func run(_ run: StepRun) async throws -> ToolResult {
        let (left, right) = (try run.requiredText("left"), try run.requiredText("right"))
        return .output(NodeOutput(text: try await compute.run { Self.comparison(left, right) }))
    }

    static func comparison(_ left: String, _ right: String) -> String {
        if let first = TableNumber(left), let second = TableNumber(right) {
            if first.value == second.value { return "equal" }
            let difference = TableNumber(second.value - first.value)
            return "different: \(first) is \(first.value < second.value ? "less" : "greater") than \(second), by "
                + "\(difference.magnitude)"
        }
        var numbers: [TextBytes: Int] = [:]
        let before = lines(left)
        let after = lines(right)
        switch changes(from: numbered(before, &numbers), to: numbered(after, &numbers)) {
        case .none: return "equal"
        case .tooMany(let line):
            return "different from line \(line + 1) on: \(before.count) lines, and \(after.count) lines"
        case .lines(let changes):
            var shown = changes.prefix(shownMax).map { change in
                switch change {
                case .remove(let index): "- \(index + 1): \(before[index])"
                case .insert(let index): "+ \(index + 1): \(after[index])"
                }
            }
            if changes.count > shownMax { shown.append("and \(changes.count - shownMax) more") }
            return "different\n" + shown.joined(separator: "\n")
        }
    }

    private enum Changes {
        case none
        /// The lines differ from this one on, and are too many to search for their differences.
        case tooMany(from: Int)
        case lines([Change])
    }

    private enum Change {
        case remove(Int)
        case insert(Int)
    }

    /// What makes `after` of `before`, with as few changes as possible.
    private static func changes(from before: [Int], to after: [Int]) -> Changes {
        guard before != after else { return .none }
        let first = zip(before, after).prefix { $0 == $1 }.count
        let rest = min(before.count, after.count) - first
        let last = zip(before.reversed(), after.reversed()).prefix(rest).prefix { $0 == $1 }.count
        let removed = Array(before[first..<before.count - last])
        let inserted = Array(after[first..<after.count - last])
        guard removed.count + inserted.count <= linesMax else { return .tooMany(from: first) }
        // The longest common subsequence of both from each pair of lines on.
        let width = inserted.count + 1
        var lengths = [UInt16](repeating: 0, count: (removed.count + 1) * width)
        for left in removed.indices.reversed() {
            for right in inserted.indices.reversed() {
                let place = left * width + right
                lengths[place] =
                    removed[left] == inserted[right]
                    ? lengths[place + width + 1] + 1 : max(lengths[place + width], lengths[place + 1])
            }
        }
        var changes: [Change] = []
        var (left, right) = (0, 0)
        while left < removed.count || right < inserted.count {
            let place = left * width + right
            if left < removed.count, right < inserted.count, removed[left] == inserted[right] {
                left += 1
                right += 1
            } else if right == inserted.count || left < removed.count && lengths[place + width] >= lengths[place + 1] {
                changes.append(.remove(first + left))
                left += 1
            } else {
                changes.append(.insert(first + right))
                right += 1
            }
        }
        return .lines(changes)
    }

    /// A number for each line, the same one for equal lines.
    private static func numbered(_ lines: [String], _ numbers: inout [TextBytes: Int]) -> [Int] {
        lines.map { line in
            let line = TextBytes(line)
            if let number = numbers[line] { return number }
            let number = numbers.count
            numbers[line] = number
            return number
        }
    }

    private static func lines(_ text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line))
        }
    }
}
