import Base
import Boosting
import Foundation

/// The file of a risk model: JSON with the parts of XGBoost's model that decide a score.
enum RiskModelFile {
    /// - Parameters:
    ///   - booster: a model in XGBoost's JSON.
    ///   - version: nil for the first digits of the digest.
    /// - Returns: the model, and the bytes of its file.
    static func make(
        booster bytes: [UInt8], threshold: Double, version: String?
    ) throws -> (model: RiskModel, file: [UInt8]) {
        let json = try JSONValue(parsing: bytes)
        let trees = try TreeEnsemble(xgboost: json)
        let unnamed = RiskModel(version: "", threshold: threshold, trees: trees)
        let model = RiskModel(
            version: version ?? String(unnamed.digest.prefix(digitsOfVersion)), threshold: threshold, trees: trees)
        let content: JSONValue = [
            "format": .string(RiskModel.format),
            "format_version": .integer(RiskModel.formatVersion),
            "version": .string(model.version),
            "digest": .string(model.digest),
            "threshold": .number(threshold),
            "features": .array(RiskFeature.allCases.map { .string($0.rawValue) }),
            "booster": essential(json),
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (model, try Array(encoder.encode(content)) + [UInt8(ascii: "\n")])
    }

    private static let digitsOfVersion = 12

    /// Without the statistics of the training, which are most of XGBoost's file.
    private static func essential(_ json: JSONValue) -> JSONValue {
        let learner = json["learner"]
        let booster = learner?["gradient_booster"]
        let names = ["left_children", "right_children", "split_indices", "split_conditions", "default_left"]
        let trees = (booster?["model"]?["trees"]?.array ?? []).map { tree in
            JSONValue.object(Dictionary(uniqueKeysWithValues: names.map { ($0, tree[$0] ?? .null) }))
        }
        return [
            "version": json["version"] ?? .null,
            "learner": [
                "objective": ["name": learner?["objective"]?["name"] ?? .null],
                "learner_model_param": learner?["learner_model_param"] ?? .null,
                "gradient_booster": ["name": booster?["name"] ?? .null, "model": ["trees": .array(trees)]],
            ],
        ]
    }
}
