/// The nodes of a graph by index, each after its dependencies.
struct NodeOrder {
    /// By node, the indices of its dependencies, without those that are not there.
    let dependencies: [[Int]]
    /// Every node that is not on a cycle, nor behind one.
    let sorted: [Int]
    let hasUnknownDependencies: Bool

    /// Whether every node can run.
    var isComplete: Bool { sorted.count == dependencies.count && !hasUnknownDependencies }

    /// Takes time proportional to nodes and dependencies (Kahn's algorithm).
    /// - Returns: nil where an id is there twice.
    init?(_ graph: GoalGraph) {
        var indices: [String: Int] = [:]
        for (index, node) in graph.nodes.enumerated() {
            guard indices.updateValue(index, forKey: node.id) == nil else { return nil }
        }
        var hasUnknown = false
        let dependencies = graph.nodes.map { node in
            node.dependencies.compactMap { id in
                if indices[id] == nil { hasUnknown = true }
                return indices[id]
            }
        }
        var dependents = [[Int]](repeating: [], count: dependencies.count)
        var waiting = dependencies.map(\.count)
        for (node, needed) in dependencies.enumerated() {
            for dependency in needed { dependents[dependency].append(node) }
        }
        var sorted = waiting.indices.filter { waiting[$0] == 0 }
        var next = 0
        while next < sorted.count {
            for dependent in dependents[sorted[next]] {
                waiting[dependent] -= 1
                if waiting[dependent] == 0 { sorted.append(dependent) }
            }
            next += 1
        }
        self.dependencies = dependencies
        self.sorted = sorted
        hasUnknownDependencies = hasUnknown
    }

    /// One cycle of each group of nodes that depend on one another, as indices: each node depends on the next one, and
    /// the last on the first.
    var cycles: [[Int]] {
        var cycles: [[Int]] = []
        for group in groups {
            // Within the group every node needs another one of it, so that the walk comes back to a node.
            let members = Set(group)
            var path: [Int] = []
            var positions: [Int: Int] = [:]
            var next = group.min()
            while let node = next, positions[node] == nil {
                positions[node] = path.count
                path.append(node)
                next = dependencies[node].first(where: members.contains)
            }
            if let node = next, let start = positions[node] { cycles.append(Array(path[start...])) }
        }
        return cycles.sorted { $0[0] < $1[0] }
    }

    /// The strongly connected components (Tarjan's algorithm): nodes that are reached from one another.
    private var groups: [[Int]] {
        var search = Search(count: dependencies.count)
        for start in dependencies.indices where !search.isVisited(start) {
            var path = [(node: start, next: 0)]
            search.enter(start)
            while let (node, next) = path.last {
                guard next < dependencies[node].count else {
                    search.leave(node)
                    path.removeLast()
                    if let parent = path.last?.node { search.join(parent, node) }
                    continue
                }
                path[path.count - 1].next += 1
                let dependency = dependencies[node][next]
                if search.isVisited(dependency) {
                    search.meet(node, dependency)
                } else {
                    search.enter(dependency)
                    path.append((dependency, 0))
                }
            }
        }
        return search.groups
    }

    /// The state of Tarjan's algorithm.
    private struct Search {
        private(set) var groups: [[Int]] = []
        private var number: [Int?]
        /// By node, the least number that it reaches among the nodes that have no group yet.
        private var least: [Int]
        private var isOpen: [Bool]
        private var open: [Int] = []
        private var count = 0

        init(count: Int) {
            number = Array(repeating: nil, count: count)
            least = Array(repeating: 0, count: count)
            isOpen = Array(repeating: false, count: count)
        }

        func isVisited(_ node: Int) -> Bool { number[node] != nil }

        mutating func enter(_ node: Int) {
            (number[node], least[node], isOpen[node]) = (count, count, true)
            count += 1
            open.append(node)
        }

        mutating func meet(_ node: Int, _ dependency: Int) {
            if isOpen[dependency], let number = number[dependency] { least[node] = min(least[node], number) }
        }

        mutating func join(_ parent: Int, _ node: Int) { least[parent] = min(least[parent], least[node]) }

        mutating func leave(_ node: Int) {
            guard least[node] == number[node] else { return }
            var group: [Int] = []
            while let last = open.popLast() {
                isOpen[last] = false
                group.append(last)
                if last == node { break }
            }
            groups.append(group)
        }
    }
}
