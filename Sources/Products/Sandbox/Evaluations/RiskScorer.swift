package import AWS
package import Modules
package import SpotDecisions

/// The probability that a pool is interrupted or its price rises.
package struct RiskScorer: Sendable {
    /// What a score depends on.
    package struct Query: Sendable {
        package let candidates: [Candidate]
        /// The history of prices of AWS; empty where there is none.
        package let prices: [SpotPrice]
        /// The version of the model, such as `v2.1.0`.
        package let version: String
        /// Whether the prices of the larger types of a family count for the risk of a smaller one.
        package let usesFamilyStress: Bool
        package let time: Instant
    }

    private let score: @Sendable (Query) -> [SpotPool: Double]

    package init(_ score: @escaping @Sendable (Query) -> [SpotPool: Double]) { self.score = score }

    /// The rules of ``BuiltinTables``.
    package static let builtin = RiskScorer { BuiltinTables().risk(of: $0.candidates) }

    /// - Returns: 0 to 1; nothing for a pool that the model does not cover.
    func scores(_ query: Query) -> [SpotPool: Double] { score(query) }
}
