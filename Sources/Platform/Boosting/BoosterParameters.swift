/// How gradient-boosted trees for a binary label are trained. The names of XGBoost are in brackets.
package struct BoosterParameters: Sendable, Hashable, Codable {
    /// 1 to 10,000.
    package var trees: Int
    /// 1 to 32 [max_depth].
    package var depthMax: Int
    /// The leaves of a tree, which then grows where the loss falls most [max_leaves, grow_policy]; 0 for trees that
    /// grow level by level.
    package var leavesMax: Int
    /// Above 0, up to 1 [eta].
    package var learningRate: Double
    /// The share of features that a tree uses, above 0, up to 1 [colsample_bytree].
    package var featureFraction: Double
    /// The share of rows that a tree uses, above 0, up to 1 [subsample].
    package var rowFraction: Double
    /// The least sum of second derivatives in a leaf, 0 or more [min_child_weight]. Of a row that is as likely positive
    /// as negative it is a quarter of the row's weight.
    package var leafWeightMin: Double
    /// 0 or more [lambda].
    package var l2: Double
    /// Whether positive rows get the weight (negative rows ÷ positive rows) [scale_pos_weight].
    package var balancesClasses: Bool
    package var seed: Int

    package init(
        trees: Int = 100,
        depthMax: Int = 6,
        leavesMax: Int = 0,
        learningRate: Double = 0.1,
        featureFraction: Double = 1,
        rowFraction: Double = 1,
        leafWeightMin: Double = 1,
        l2: Double = 1,
        balancesClasses: Bool = true,
        seed: Int = 0
    ) {
        self.trees = trees
        self.depthMax = depthMax
        self.leavesMax = leavesMax
        self.learningRate = learningRate
        self.featureFraction = featureFraction
        self.rowFraction = rowFraction
        self.leafWeightMin = leafWeightMin
        self.l2 = l2
        self.balancesClasses = balancesClasses
        self.seed = seed
    }

    func check() throws(BoostingFault) {
        let isShare = { (value: Double) in value > 0 && value <= 1 }
        guard (1...10_000).contains(trees) else { throw BoostingFault("The number of trees is 1 to 10,000.") }
        guard (1...32).contains(depthMax) else { throw BoostingFault("The depth of a tree is 1 to 32.") }
        guard leavesMax == 0 || (2...65_536).contains(leavesMax) else {
            throw BoostingFault("The number of leaves is 2 to 65,536, or 0 for no bound.")
        }
        guard isShare(learningRate), isShare(featureFraction), isShare(rowFraction) else {
            throw BoostingFault("The learning rate and the shares of features and rows are above 0, and at most 1.")
        }
        guard (0..<1e9).contains(leafWeightMin), (0..<1e9).contains(l2) else {
            throw BoostingFault("The weight of a leaf and the L2 penalty are 0 or more, and below 1e9.")
        }
    }
}
