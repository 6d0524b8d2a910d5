package import Base

/// Gradient-boosted trees for inference, read from XGBoost's JSON. A file is data: every index and number is checked,
/// and nothing in it is executed.
package struct TreeEnsemble: Sendable, Hashable {
    /// The number of features of a row.
    package let features: Int
    /// The number of trees.
    package var trees: Int { roots.count }
    /// The index of each tree's first node.
    private let roots: [Int32]
    private let nodes: [Node]
    /// The logarithm of the odds before the first tree.
    private let baseMargin: Float

    /// A split, or a leaf.
    private struct Node: Sendable, Hashable {
        /// The threshold of a split: a row below it goes to the left; the value of a leaf.
        let value: Float
        /// -1 in a leaf.
        let feature: Int32
        let left: Int32
        let right: Int32
        /// Where a missing value goes.
        let missing: Int32
    }

    package static let treesMax = 10_000
    package static let nodesMax = 1_000_000

    /// Reads a model of the objective `binary:logistic` with numerical splits, of XGBoost 1.7 and later.
    /// - Throws: ``BoostingFault`` with the part that is missing, out of its bounds or not supported.
    package init(xgboost json: JSONValue) throws(BoostingFault) {
        guard let learner = json["learner"] else { throw Self.fault("it has no learner") }
        guard learner["objective"]?["name"]?.string == "binary:logistic" else {
            throw Self.fault("its objective is not binary:logistic")
        }
        let shape = learner["learner_model_param"]
        guard let features = shape?["num_feature"]?.string.flatMap({ Int32($0) }), (1...10_000).contains(features)
        else {
            throw Self.fault("its number of features is not 1 to 10,000")
        }
        guard ["0", "1"].contains(shape?["num_class"]?.string ?? "0"),
            (shape?["num_target"]?.string ?? "1") == "1"
        else { throw Self.fault("it has several classes or targets") }
        guard let base = shape?["base_score"]?.string.flatMap({ Double($0) }), base > 0, base < 1 else {
            throw Self.fault("its base score is not between 0 and 1")
        }
        let booster = learner["gradient_booster"]
        guard booster?["name"]?.string == "gbtree", let list = booster?["model"]?["trees"]?.array else {
            throw Self.fault("it has no trees")
        }
        guard (1...Self.treesMax).contains(list.count) else { throw Self.fault("it has not 1 to 10,000 trees") }
        var (roots, nodes) = ([Int32](), [Node]())
        for (index, tree) in list.enumerated() {
            roots.append(Int32(nodes.count))
            nodes += try Self.nodes(tree, index, features: features, offset: Int32(nodes.count))
            guard nodes.count <= Self.nodesMax else { throw Self.fault("it has more than \(Self.nodesMax) nodes") }
        }
        self.features = Int(features)
        (self.roots, self.nodes) = (roots, nodes)
        baseMargin = Self.logit(base)
    }

    /// The probabilities of rows, as XGBoost computes them: in single precision.
    /// - Parameter rows: row-major, ``features`` values each; a value that is not a number is missing.
    /// - Returns: 0 to 1, one for each row.
    package func probabilities(_ rows: [Float]) -> [Double] {
        precondition(rows.count % features == 0, "The values are not whole rows.")
        return rows.withUnsafeBufferPointer { rows in
            nodes.withUnsafeBufferPointer { nodes in
                (0..<rows.count / features).map { row in
                    let values = UnsafeBufferPointer(rebasing: rows[row * features..<(row + 1) * features])
                    var margin = baseMargin
                    for root in roots { margin += Self.leaf(from: Int(root), values, nodes) }
                    return Self.sigmoid(margin)
                }
            }
        }
    }

    /// The bytes that decide a result, for a digest that does not depend on how numbers are written.
    package var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
        append(UInt32(features))
        append(baseMargin.bitPattern)
        append(UInt32(roots.count))
        for root in roots { append(UInt32(bitPattern: root)) }
        for node in nodes {
            append(node.value.bitPattern)
            for part in [node.feature, node.left, node.right, node.missing] { append(UInt32(bitPattern: part)) }
        }
        return bytes
    }

    private static func leaf(
        from root: Int, _ values: UnsafeBufferPointer<Float>, _ nodes: UnsafeBufferPointer<Node>
    ) -> Float {
        var node = nodes[root]
        while node.feature >= 0 {
            let value = values[Int(node.feature)]
            node = nodes[Int(value.isNaN ? node.missing : value < node.value ? node.left : node.right)]
        }
        return node.value
    }

    private static func fault(_ reason: String) -> BoostingFault {
        BoostingFault("The file is not a model of boosted trees that can be read: \(reason).")
    }
}

/// Reads the arrays of a tree.
extension TreeEnsemble {
    private static func nodes(
        _ tree: JSONValue, _ index: Int, features: Int32, offset: Int32
    ) throws(BoostingFault) -> [Node] {
        func numbers(_ name: String) throws(BoostingFault) -> [JSONValue] {
            guard let array = tree[name]?.array else { throw fault("tree \(index) has no \(name)") }
            return array
        }
        let (left, right) = (try numbers("left_children"), try numbers("right_children"))
        let (indices, conditions) = (try numbers("split_indices"), try numbers("split_conditions"))
        let defaults = try numbers("default_left")
        let count = left.count
        guard count >= 1, count <= nodesMax,
            [right.count, indices.count, conditions.count, defaults.count].allSatisfy({ $0 == count })
        else { throw fault("the arrays of tree \(index) have different lengths") }
        guard (tree["split_type"]?.array ?? []).allSatisfy({ $0.integer == 0 }) else {
            throw fault("tree \(index) has a split by category")
        }
        var (nodes, parents) = ([Node](), [Int](repeating: 0, count: count))
        for node in 0..<count {
            let place = "node \(node) of tree \(index)"
            guard let number = conditions[node].number, Float(number).isFinite else {
                throw fault("\(place) has a number that is not finite")
            }
            guard let first = left[node].integer, let second = right[node].integer else {
                throw fault("\(place) has no children")
            }
            if first == -1, second == -1 {
                nodes.append(Node(value: Float(number), feature: -1, left: -1, right: -1, missing: -1))
                continue
            }
            // Children come after their parent, so that no walk repeats a node.
            let valid = Int64(node + 1)..<Int64(count)
            guard node + 1 < count, valid.contains(first), valid.contains(second), first != second else {
                throw fault("\(place) has a child out of bounds")
            }
            guard let feature = indices[node].integer, (0..<Int64(features)).contains(feature) else {
                throw fault("\(place) splits by an unknown feature")
            }
            guard let goesLeft = defaults[node].integer ?? defaults[node].bool.map({ $0 ? 1 : 0 }),
                (0...1).contains(goesLeft)
            else { throw fault("\(place) has no direction for missing values") }
            parents[Int(first)] += 1
            parents[Int(second)] += 1
            nodes.append(
                Node(
                    value: Float(number), feature: Int32(feature), left: offset + Int32(first),
                    right: offset + Int32(second), missing: offset + Int32(goesLeft == 1 ? first : second)))
        }
        guard parents.allSatisfy({ $0 <= 1 }) else {
            throw fault("tree \(index) has a node with two parents")
        }
        return nodes
    }
}
