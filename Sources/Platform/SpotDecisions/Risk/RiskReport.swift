package import Base
package import Boosting
package import Foundation

/// What is known of a trained model: its data, its parameters, and how well it orders rows that it was not trained on.
package struct RiskReport: Sendable, Hashable, Codable {
    package struct Part: Sendable, Hashable, Codable {
        package let from: Instant
        package let rows: Int
        package let positive: Int
        /// The share of positive rows.
        package let baseRate: Double

        init(from: Instant, _ rows: RiskRows) {
            self.from = from
            self.rows = rows.labels.count
            positive = rows.labels.count { $0 }
            baseRate = rows.labels.isEmpty ? 0 : Double(positive) / Double(rows.labels.count)
        }
    }

    /// A set of parameters, trained on the first part of the training time and tested on its last part.
    package struct Trial: Sendable, Hashable, Codable {
        package let setup: RiskSetup
        package let parameters: BoosterParameters
        package let auc: Double
        package let averagePrecision: Double
    }

    package struct SingleFeature: Sendable, Hashable, Codable {
        package let feature: String
        /// Of the feature alone, in the direction in which it is above 0.5.
        package let auc: Double
    }

    package let version: String
    package let digest: String
    /// The SHA-256 of the file of prices.
    package let pricesDigest: String
    package let pools: Int
    /// Pools without a known type or price on demand.
    package let skippedPools: [String]
    /// The chosen set of parameters.
    package let setup: RiskSetup
    package let trials: [Trial]
    package let training: Part
    /// The last part of the training time, which chose the parameters and the threshold.
    package let validation: Part
    /// Everything from the time on that the command names.
    package let test: Part
    package let auc: Double
    package let averagePrecision: Double
    package let threshold: ThresholdMetrics
    package let calibration: [CalibrationBin]
    /// The best one first.
    package let singleFeatures: [SingleFeature]

    /// JSON with line breaks and sorted keys.
    package func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}
