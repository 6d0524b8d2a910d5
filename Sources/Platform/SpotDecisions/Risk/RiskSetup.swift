package import Boosting

/// A named set of parameters that a training compares with others.
package enum RiskSetup: String, Sendable, Hashable, CaseIterable, Codable {
    /// The parameters of the product's description: 300 trees of up to 20 leaves.
    case described
    /// 100 trees of depth 3 with heavy leaves and a strong penalty.
    case shallow
    /// As ``shallow`` with half of its learning rate.
    case shallowSlow = "shallow-slow"
    /// As ``shallow`` with trees of depth 2.
    case shallowest

    package var parameters: BoosterParameters {
        switch self {
        case .described:
            BoosterParameters(
                trees: 300, depthMax: 5, leavesMax: 20, learningRate: 0.03, featureFraction: 0.7, rowFraction: 0.8,
                leafWeightMin: 50)
        case .shallow: Self.shallow(depth: 3, rate: 0.1)
        case .shallowSlow: Self.shallow(depth: 3, rate: 0.05)
        case .shallowest: Self.shallow(depth: 2, rate: 0.1)
        }
    }

    private static func shallow(depth: Int, rate: Double) -> BoosterParameters {
        BoosterParameters(trees: 100, depthMax: depth, learningRate: rate, leafWeightMin: 500, l2: 10)
    }
}
