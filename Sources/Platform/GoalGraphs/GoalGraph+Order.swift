extension GoalGraph {
    /// The ids of the nodes in groups: a node is in the group after the last of its dependencies, in the order of the
    /// graph. The nodes of a group may run at the same time.
    /// - Returns: nil for a graph with a cycle, a dependency that is not there, or an id that is there twice.
    package var levels: [[String]]? {
        guard let order = NodeOrder(self), order.isComplete else { return nil }
        var levels: [[String]] = []
        var levelOfNode = [Int](repeating: 0, count: nodes.count)
        for node in order.sorted {
            levelOfNode[node] = order.dependencies[node].reduce(0) { max($0, levelOfNode[$1] + 1) }
        }
        for (node, level) in levelOfNode.enumerated() {
            while levels.count <= level { levels.append([]) }
            levels[level].append(nodes[node].id)
        }
        return levels
    }

    /// The sum of the nodes' estimates.
    package var estimatedCost: MicroDollars { nodes.reduce(.zero) { $0 + $1.estimatedCost } }

    /// The chain of dependencies that takes longest: with enough agents, the graph takes as long as these nodes.
    /// - Returns: nil where ``levels`` is nil.
    package var criticalPath: CriticalPath? {
        guard let order = NodeOrder(self), order.isComplete else { return nil }
        // The time at which each node ends, and the dependency that it waits for longest.
        var ends = [Double](repeating: 0, count: nodes.count)
        var waitsFor = [Int?](repeating: nil, count: nodes.count)
        for node in order.sorted {
            let last = order.dependencies[node].max { ends[$0] < ends[$1] }
            waitsFor[node] = last
            ends[node] = (last.map { ends[$0] } ?? 0) + nodes[node].estimatedSeconds
        }
        var path: [Int] = []
        var next = nodes.indices.max { ends[$0] < ends[$1] }
        while let node = next {
            path.append(node)
            next = waitsFor[node]
        }
        let onPath = path.reversed().map { nodes[$0] }
        return CriticalPath(
            nodes: onPath.map(\.id), seconds: path.first.map { ends[$0] } ?? 0,
            cost: onPath.reduce(.zero) { $0 + $1.estimatedCost })
    }
}
