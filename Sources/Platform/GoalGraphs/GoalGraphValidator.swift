/// Checks a graph before it runs.
package struct GoalGraphValidator: Sendable {
    private let tools: ToolCatalog
    private let limits: GoalGraphLimits

    /// Of a response and of a repair by a model: more help neither.
    package static let faultsMax = 50
    private static let descriptionMax = 500
    private static let criteriaMax = 10
    /// Bytes of the text of a criterion.
    fileprivate static let textMax = 10_000
    /// A thousand times what the greatest plan allows, so that sums do not overflow.
    private static let costMax = MicroDollars(10_000_000_000)
    private static let secondsMax: Double = 30 * 86_400

    package init(tools: ToolCatalog = .all, limits: GoalGraphLimits = GoalGraphLimits()) {
        self.tools = tools
        self.limits = limits
    }

    /// All faults, at most ``faultsMax``; none for a graph that may run. The expression and the zone of a trigger are
    /// checked by `CronExpression`.
    ///
    /// It takes time proportional to the size of the graph.
    package func faults(in graph: GoalGraph) -> [GoalGraphFault] {
        guard !graph.nodes.isEmpty else { return [.noNodes] }
        var faults: [GoalGraphFault] = []
        if graph.nodes.count > limits.nodesMax {
            faults.append(.tooManyNodes(graph.nodes.count, max: limits.nodesMax))
        }
        var ids: Set<String> = []
        for node in graph.nodes where !ids.insert(node.id).inserted { faults.append(.duplicateID(node.id)) }
        for node in graph.nodes {
            guard faults.count < Self.faultsMax else { break }
            check(node, ids, &faults)
        }
        if let order = NodeOrder(graph) {
            faults += order.cycles.map { cycle in .cycle(cycle.map { graph.nodes[$0].id }) }
        }
        checkEstimates(graph, &faults)
        return Array(faults.prefix(Self.faultsMax))
    }

    private func check(_ node: GoalNode, _ ids: Set<String>, _ faults: inout [GoalGraphFault]) {
        if !Self.isID(node.id) { faults.append(.invalidID(node.id)) }
        if node.description.isEmpty || node.description.count > Self.descriptionMax {
            faults.append(.invalidDescription(node: node.id))
        }
        checkTool(node, &faults)
        var dependencies: Set<String> = []
        for dependency in node.dependencies {
            if !dependencies.insert(dependency).inserted {
                faults.append(.duplicateDependency(node: node.id, dependency: dependency))
            } else if !ids.contains(dependency) {
                faults.append(.unknownDependency(node: node.id, dependency: dependency))
            }
        }
        for reference in node.references where !dependencies.contains(reference) {
            faults.append(.referenceWithoutDependency(node: node.id, reference: reference))
        }
        if !Self.isEstimate(node) { faults.append(.invalidEstimate(node: node.id)) }
    }

    private func checkTool(_ node: GoalNode, _ faults: inout [GoalGraphFault]) {
        guard let tool = tools[node.tool] else {
            faults.append(.unknownTool(node: node.id, tool: node.tool))
            return
        }
        if tool.trust > limits.trust {
            faults.append(
                .trustTooLow(node: node.id, tool: tool.name, needed: tool.trust, granted: limits.trust))
        }
        if !node.capabilities.contains(tool.capability) {
            faults.append(.missingCapability(node: node.id, tool: tool.name, needed: tool.capability))
        }
        faults += tool.faults(in: node.arguments).map { .argument(node: node.id, $0) }
        if node.successCriteria.count > Self.criteriaMax {
            faults.append(.tooManyCriteria(node: node.id, max: Self.criteriaMax))
        }
        for criterion in node.successCriteria.prefix(Self.criteriaMax) where !tool.canMeet(criterion) {
            faults.append(.criterion(node: node.id, tool: tool.name, criterion))
        }
    }

    private func checkEstimates(_ graph: GoalGraph, _ faults: inout [GoalGraphFault]) {
        // A single estimate that is not valid is a fault of its node.
        guard graph.nodes.allSatisfy(Self.isEstimate) else { return }
        let cost = graph.estimatedCost
        if cost > limits.budget { faults.append(.overBudget(cost, budget: limits.budget)) }
        if let path = graph.criticalPath, path.seconds > limits.secondsMax {
            faults.append(.tooLong(seconds: path.seconds, max: limits.secondsMax))
        }
    }

    private static func isEstimate(_ node: GoalNode) -> Bool {
        (.zero...costMax).contains(node.estimatedCost) && (0...secondsMax).contains(node.estimatedSeconds)
    }

    private static func isID(_ id: String) -> Bool {
        guard let first = id.utf8.first, isLetter(first), id.utf8.count <= 64 else { return false }
        return id.utf8.allSatisfy {
            isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: "-")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}

extension Tool {
    /// Whether an output of the tool can meet a criterion at all.
    fileprivate func canMeet(_ criterion: SuccessCriterion) -> Bool {
        switch criterion {
        case .notEmpty, .validJSON: true
        case .contains(let text): (1...GoalGraphValidator.textMax).contains(text.utf8.count)
        case .statusIs(let status): outputParts.contains(.status) && (0...999).contains(status)
        case .rowsAtLeast(let count): outputParts.contains(.rows) && (0...TableOperation.rowsMax).contains(count)
        }
    }
}
