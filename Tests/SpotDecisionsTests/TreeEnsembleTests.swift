import Base
import Boosting
import Foundation
import SpotDecisions
import Testing

/// Trees, compared with those of Python's xgboost 1.7.6 on the same rows.
@Suite struct TreeEnsembleTests {
    private static let rows = 600

    /// Three features with missing values, and a noisy label.
    private static let features: [Float] = (0..<rows).flatMap { row in (0..<3).map { value(row, $0) } }

    private static func value(_ row: Int, _ column: Int) -> Float {
        if row % 13 == 0, column == 1 { return .nan }
        let number = row * 7_919 + column * 104_729 + row * row * 31 * (column + 1)
        return Float(Double(number % 1_009) / 1_009)
    }

    private static let labels: [Float] = (0..<rows).map { row in
        let values = features[row * 3..<row * 3 + 3].map { $0.isNaN ? 0 : $0 }
        return (values[0] + values[1] * values[2] > 0.8) != (row % 17 == 0) ? 1 : 0
    }

    private static let parameters = BoosterParameters(trees: 8, depthMax: 3, learningRate: 0.3)

    private static func python() throws -> JSONValue {
        try JSONValue(parsing: Data(contentsOf: RiskFixture.cases.appending(path: "boosting/python.json")))
    }

    private static func auc(_ scores: [Double]) throws -> Double {
        try #require(RankMetrics(scores: scores, labels: labels.map { $0 == 1 }).auc)
    }

    @Test func `a model of Python's xgboost gives its probabilities`() throws {
        #expect(Self.labels.count { $0 == 1 } == 252)
        let scores = try TreeEnsemble(xgboost: Self.python()).probabilities(Self.features)
        let expected = [
            0.37019166350364685, 0.9211519956588745, 0.9211519956588745, 0.9284583330154419, 0.9108142256736755,
            0.21517173945903778, 0.18627162277698517, 0.17747999727725983,
        ]
        for (score, theirs) in zip(scores, expected) { #expect(abs(score - theirs) < 1e-6) }
        #expect(abs(scores[13] - 0.13464020192623138) < 1e-6, "a missing value goes where the tree says")
        #expect(abs(scores.reduce(0, +) / Double(scores.count) - 0.44915478143841026) < 1e-6)
    }

    @Test func `trees trained here are as good as those of the same set-up in Python`() throws {
        let json = try GradientBoosting.train(
            Self.features, columns: 3, labels: Self.labels, Self.parameters)
        let auc = try Self.auc(TreeEnsemble(xgboost: JSONValue(parsing: json)).probabilities(Self.features))
        #expect(abs(auc - 0.9600437876299944) < 0.005)
    }

    @Test func `trees that grow where the loss falls most are as good as Python's`() throws {
        var parameters = Self.parameters
        (parameters.trees, parameters.leavesMax) = (20, 6)
        let json = try GradientBoosting.train(Self.features, columns: 3, labels: Self.labels, parameters)
        let auc = try Self.auc(TreeEnsemble(xgboost: JSONValue(parsing: json)).probabilities(Self.features))
        #expect(abs(auc - 0.9715836526181354) < 0.005)
    }

    @Test func `equal rows give equal trees`() throws {
        let models = try (0..<2).map { _ in
            try TreeEnsemble(
                xgboost: JSONValue(
                    parsing: GradientBoosting.train(Self.features, columns: 3, labels: Self.labels, Self.parameters)))
        }
        #expect(models[0] == models[1] && models[0].canonicalBytes == models[1].canonicalBytes)
    }

    @Test func `rows and parameters that cannot be trained are refused`() {
        func fault(_ rows: [Float], _ labels: [Float], _ change: (inout BoosterParameters) -> Void = { _ in }) -> Bool {
            var parameters = Self.parameters
            change(&parameters)
            do {
                _ = try GradientBoosting.train(rows, columns: 3, labels: labels, parameters)
                return false
            } catch { return error is BoostingFault }
        }
        #expect(fault(Array(Self.features.dropLast()), Self.labels))
        #expect(fault([], []))
        #expect(fault(Self.features, Self.labels.map { _ in 0 }), "one class alone")
        #expect(fault(Self.features, Self.labels.map { $0 + 1 }))
        #expect(fault(Self.features, Self.labels) { $0.trees = 0 })
        #expect(fault(Self.features, Self.labels) { $0.learningRate = .nan })
        #expect(fault(Self.features, Self.labels) { $0.rowFraction = 1.1 })
        #expect(fault(Self.features, Self.labels) { $0.leavesMax = 1 })
    }

    @Test func `cancellation ends the training`() {
        #expect(throws: CancellationError.self) {
            try GradientBoosting.train(
                Self.features, columns: 3, labels: Self.labels, Self.parameters,
                checkCancellation: { throw CancellationError() })
        }
    }

    @Test(arguments: [
        (#""left_children":[1"#, #""left_children":[0"#), (#""left_children":[1"#, #""left_children":[99"#),
        (#""left_children":[1"#, #""left_children":[2"#), (#""right_children":[2"#, #""right_children":[-1"#),
        (#""default_left":[0"#, #""default_left":[7"#), (#""split_indices":[0"#, #""split_indices":[3"#),
        (#""split_conditions":["#, #""split_conditions":[1e39,"#), (#""split_type":[0"#, #""split_type":[1"#),
        ("binary:logistic", "reg:squarederror"), ("gbtree", "gblinear"), (#""num_feature":"3""#, #""num_feature":"0""#),
        (#""base_score":"5E-1""#, #""base_score":"1""#), (#""num_class":"0""#, #""num_class":"3""#),
    ])
    func `a file with an index or number out of its bounds is refused`(part: String, replacement: String) throws {
        let text = try String(contentsOf: RiskFixture.cases.appending(path: "boosting/python.json"), encoding: .utf8)
        let changed = text.replacingOccurrences(of: part, with: replacement)
        #expect(changed != text)
        let json = try JSONValue(parsing: changed.utf8)
        #expect(throws: BoostingFault.self) { try TreeEnsemble(xgboost: json) }
    }
}
