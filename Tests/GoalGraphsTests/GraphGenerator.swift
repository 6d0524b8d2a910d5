import Base
import GoalGraphs
import TestKit

/// Random graphs that are valid for every limit of the tests.
struct GraphGenerator {
    var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    /// Up to 30 nodes in random order, with dependencies among them.
    mutating func graph() -> GoalGraph {
        let count = Int.random(in: 1...30, using: &random)
        var nodes: [GoalNode] = []
        for number in 0..<count {
            let earlier = nodes.map(\.id).shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
            nodes.append(node("n\(number)", Array(earlier)))
        }
        nodes.shuffle(using: &random)
        return GoalGraph(nodes: nodes)
    }

    mutating func node(_ id: String, _ dependencies: [String]) -> GoalNode {
        var arguments: [String: JSONValue] = ["to": ["me"], "subject": "Result", "text": "nothing"]
        if let dependency = dependencies.first { arguments["text"] = OutputReference(dependency).json }
        return GoalNode(
            id: id, description: "Sends an e-mail.", capabilities: [.mail], tool: "send_email", arguments: arguments,
            dependencies: dependencies, successCriteria: [.notEmpty],
            estimatedCost: MicroDollars(.random(in: 0...100_000, using: &random)),
            estimatedSeconds: Double(Int.random(in: 0...60, using: &random)))
    }
}
