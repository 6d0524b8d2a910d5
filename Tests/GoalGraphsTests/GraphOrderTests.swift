import Base
import GoalGraphs
import TestKit
import Testing

@Suite struct GraphOrderTests {
    @Test func `every node is in the level after the last of its dependencies`() throws {
        var generator = GraphGenerator(seed: 1)
        for _ in 0..<300 {
            let graph = generator.graph()
            let levels = try #require(graph.levels)
            #expect(levels.flatMap { $0 }.sorted() == graph.nodes.map(\.id).sorted())
            #expect(levels.allSatisfy { !$0.isEmpty })
            let levelOf = Dictionary(
                uniqueKeysWithValues: levels.enumerated().flatMap { level, ids in ids.map { ($0, level) } })
            for node in graph.nodes {
                #expect(levelOf[node.id] == node.dependencies.map { levelOf[$0]! + 1 }.max() ?? 0)
            }
        }
    }

    @Test func `the critical path is the chain that takes longest`() throws {
        var generator = GraphGenerator(seed: 2)
        for _ in 0..<300 {
            let graph = generator.graph()
            let path = try #require(graph.criticalPath)
            // The longest chain, by trying all.
            var ends: [String: Double] = [:]
            func end(_ id: String) -> Double {
                if let known = ends[id] { return known }
                let node = graph[id]!
                let result = (node.dependencies.map(end).max() ?? 0) + node.estimatedSeconds
                ends[id] = result
                return result
            }
            #expect(path.seconds == graph.nodes.map { end($0.id) }.max())
            let nodes = path.nodes.map { graph[$0]! }
            #expect(nodes.reduce(0) { $0 + $1.estimatedSeconds } == path.seconds)
            #expect(nodes.reduce(0) { $0 + $1.estimatedCost.micros } == path.cost.micros)
            for (earlier, later) in zip(nodes, nodes.dropFirst()) { #expect(later.dependencies.contains(earlier.id)) }
            #expect(graph.estimatedCost.micros == graph.nodes.reduce(0) { $0 + $1.estimatedCost.micros })
        }
    }

    @Test func `a graph without an order has no levels`() {
        var generator = GraphGenerator(seed: 3)
        let loop = [generator.node("a", ["b"]), generator.node("b", ["a"]), generator.node("c", [])]
        #expect(GoalGraph(nodes: loop).levels == nil && GoalGraph(nodes: loop).criticalPath == nil)
        #expect(GoalGraph(nodes: [generator.node("a", ["z"])]).levels == nil)
        #expect(GoalGraph(nodes: [generator.node("a", []), generator.node("a", [])]).levels == nil)
        #expect(GoalGraph(nodes: []).levels == [])
        #expect(GoalGraph(nodes: []).criticalPath?.seconds == 0)
    }

    @Test func `a chain of 4,000 nodes is sorted and checked without recursion`() {
        var generator = GraphGenerator(seed: 4)
        var nodes = (0..<4_000).map { generator.node("n\($0)", $0 == 0 ? [] : ["n\($0 - 1)"]) }
        #expect(GoalGraph(nodes: nodes).levels?.count == 4_000)
        nodes[0].dependencies = ["n3999"]
        let faults = GoalGraphValidator().faults(in: GoalGraph(nodes: nodes))
        #expect(faults.contains { if case .cycle(let cycle) = $0 { cycle.count == 4_000 } else { false } })
    }
}
