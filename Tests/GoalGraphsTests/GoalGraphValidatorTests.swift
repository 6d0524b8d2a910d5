import Base
import GoalGraphs
import TestKit
import Testing

@Suite struct GoalGraphValidatorTests {
    private static let roomy = GoalGraphLimits(budget: MicroDollars(1_000_000_000), secondsMax: 100_000)

    private func faults(_ graph: GoalGraph, _ limits: GoalGraphLimits = roomy) -> Set<GoalGraphFault> {
        Set(GoalGraphValidator(limits: limits).faults(in: graph))
    }

    /// Makes one thing of a node wrong, and returns the fault that the graph is to have.
    private typealias Planting = @Sendable (inout GoalNode, inout SplitMix) -> GoalGraphFault

    private static let plantings: [Planting] = [
        { node, _ in
            node.tool = "launch"
            return .unknownTool(node: node.id, tool: "launch")
        },
        { node, _ in
            node.dependencies.append("nowhere")
            return .unknownDependency(node: node.id, dependency: "nowhere")
        },
        { node, _ in
            node.dependencies.append(node.id)
            return .cycle([node.id])
        },
        { node, _ in
            node.arguments["subject"] = ["$output": "elsewhere"]
            return .referenceWithoutDependency(node: node.id, reference: "elsewhere")
        },
        { node, _ in
            node.arguments["to"] = nil
            return .argument(node: node.id, ArgumentFault("to", "is missing"))
        },
        { node, _ in
            node.arguments["bcc"] = ["all@example.com"]
            return .argument(
                node: node.id, ArgumentFault("bcc", "is not an argument; those are to, subject, text"))
        },
        { node, _ in
            node.capabilities = [.web]
            return .missingCapability(node: node.id, tool: "send_email", needed: .mail)
        },
        { node, random in
            let criterion = [SuccessCriterion.statusIs(200), .rowsAtLeast(1), .contains("")].randomElement(
                using: &random)!
            node.successCriteria.append(criterion)
            return .criterion(node: node.id, tool: "send_email", criterion)
        },
        { node, random in
            let wrong: [(MicroDollars, Double)] = [
                (MicroDollars(-1), 1), (MicroDollars(.max), 1), (.zero, -1), (.zero, .nan), (.zero, .infinity),
            ]
            (node.estimatedCost, node.estimatedSeconds) = wrong.randomElement(using: &random)!
            return .invalidEstimate(node: node.id)
        },
        { node, random in
            node.description = ["", String(repeating: "a", count: 501)].randomElement(using: &random)!
            return .invalidDescription(node: node.id)
        },
    ]

    private static func plant(_ planting: Int, _ graph: inout GoalGraph, _ random: inout SplitMix) -> GoalGraphFault {
        plantings[planting](&graph.nodes[graph.nodes.indices.randomElement(using: &random)!], &random)
    }

    @Test func `a valid graph has no fault, and a planted fault is found alone`() {
        var generator = GraphGenerator(seed: 11)
        for round in 0..<300 {
            let graph = generator.graph()
            #expect(faults(graph) == [])
            var faulty = graph
            let planted = Self.plant(round % Self.plantings.count, &faulty, &generator.random)
            #expect(faults(faulty) == [planted])
        }
    }

    @Test func `faults of several nodes are listed together`() {
        var generator = GraphGenerator(seed: 12)
        for _ in 0..<100 {
            var graph = generator.graph()
            var expected: Set<GoalGraphFault> = []
            // Each of these leaves what the others need.
            for index in [0, 1, 2, 4, 7] { expected.insert(Self.plant(index, &graph, &generator.random)) }
            let found = faults(graph)
            // A node with an unknown tool has no other faults of its tool.
            let unknown = Set(graph.nodes.filter { $0.tool == "launch" }.map(\.id))
            let visible = expected.filter {
                switch $0 {
                case .argument(let node, _), .criterion(let node, _, _): !unknown.contains(node)
                default: true
                }
            }
            #expect(found == visible)
        }
    }

    @Test func `a planted cycle is found with exactly its nodes`() {
        var generator = GraphGenerator(seed: 13)
        for _ in 0..<200 {
            var graph = generator.graph()
            let ids = (0..<Int.random(in: 2...6, using: &generator.random)).map { "loop\($0)" }
            for (index, id) in ids.enumerated() {
                graph.nodes.append(generator.node(id, [ids[(index + 1) % ids.count]]))
            }
            // A node behind the cycle is not on it.
            graph.nodes.append(generator.node("behind", [ids[0]]))
            graph.nodes.shuffle(using: &generator.random)
            let found = faults(graph)
            guard found.count == 1, case .cycle(let cycle)? = found.first else {
                Issue.record("\(found)")
                continue
            }
            #expect(Set(cycle) == Set(ids) && cycle.count == ids.count)
            for (node, next) in zip(cycle, cycle.dropFirst() + cycle.prefix(1)) {
                #expect(graph[node]?.dependencies == [next])
            }
        }
    }

    @Test func `every cycle is found, also one behind another`() {
        var generator = GraphGenerator(seed: 14)
        let graph = GoalGraph(nodes: [
            generator.node("a", ["b"]), generator.node("b", ["a", "c"]), generator.node("c", ["d"]),
            generator.node("d", ["c"]), generator.node("e", ["e", "a"]), generator.node("f", ["e"]),
        ])
        #expect(faults(graph) == [.cycle(["a", "b"]), .cycle(["c", "d"]), .cycle(["e"])])
    }

    @Test func `limits of the plan are checked`() {
        var generator = GraphGenerator(seed: 15)
        var nodes = (0..<4).map { generator.node("n\($0)", $0 == 0 ? [] : ["n\($0 - 1)"]) }
        for index in nodes.indices {
            (nodes[index].estimatedCost, nodes[index].estimatedSeconds) = (MicroDollars(250_000), 30)
        }
        let graph = GoalGraph(nodes: nodes)
        let exact = GoalGraphLimits(nodesMax: 4, budget: MicroDollars(1_000_000), secondsMax: 120)
        #expect(faults(graph, exact) == [])
        let less = GoalGraphLimits(nodesMax: 3, budget: MicroDollars(999_999), secondsMax: 119, trust: .restricted)
        let low = nodes.map {
            GoalGraphFault.trustTooLow(node: $0.id, tool: "send_email", needed: .standard, granted: .restricted)
        }
        #expect(
            faults(graph, less)
                == Set(
                    low + [
                        .tooManyNodes(4, max: 3), .overBudget(MicroDollars(1_000_000), budget: MicroDollars(999_999)),
                        .tooLong(seconds: 120, max: 119),
                    ]))
        #expect(faults(GoalGraph(nodes: [])) == [.noNodes])
    }

    @Test(arguments: ["", "A", "1a", "a b", "a/b", "ä", String(repeating: "a", count: 65)])
    func `ids have a form`(id: String) {
        var generator = GraphGenerator(seed: 16)
        #expect(faults(GoalGraph(nodes: [generator.node(id, [])])) == [.invalidID(id)])
    }

    @Test func `the list of faults is bounded, and each is a sentence`() {
        var generator = GraphGenerator(seed: 17)
        var nodes = (0..<500).map { generator.node("n\($0)", []) }
        for index in nodes.indices { nodes[index].tool = "launch" }
        let found = GoalGraphValidator(limits: Self.roomy).faults(in: GoalGraph(nodes: nodes))
        #expect(found.count == GoalGraphValidator.faultsMax && found.first == .tooManyNodes(500, max: 50))
        for fault in found { #expect("\(fault)".hasSuffix(".")) }
    }
}
