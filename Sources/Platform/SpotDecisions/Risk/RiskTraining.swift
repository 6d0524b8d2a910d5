package import Base
import Boosting
import Plotting
import Secrets

/// Trains and tests a risk model: parameters and threshold are chosen within the training time, and everything after it
/// tests the result once.
package struct RiskTraining: Sendable {
    /// The training time ends here, and the test begins. No label of a training row depends on a later price.
    package var until: Instant
    /// Compared on the validation part; with one, it is used.
    package var setups: [RiskSetup]
    /// nil for the first digits of the digest.
    package var version: String?
    /// Equal prices give equal models with one thread.
    package var threads: Int

    package struct Result: Sendable {
        package let model: RiskModel
        /// The bytes of the model's file, which ``RiskModel`` reads.
        package let file: [UInt8]
        package let report: RiskReport
        /// An SVG: the shares of positive and negative rows at or above each score, for the model and the best feature.
        package let plot: [UInt8]
    }

    /// The share of the training time before the validation part.
    private static let fitShare = 0.75

    package init(until: Instant, setups: [RiskSetup] = RiskSetup.allCases, version: String? = nil, threads: Int = 1) {
        self.until = until
        self.setups = setups
        self.version = version
        self.threads = threads
    }

    /// It takes minutes for millions of rows.
    /// - Parameters:
    ///   - prices: a CSV file, see ``PriceHistory``.
    ///   - now: prices after it are refused.
    ///   - progress: gets a sentence before each step.
    /// - Throws: ``PriceFault``, ``RiskTrainingFault``, `BoostingFault`, or the error of `progress`.
    package func run(_ prices: [UInt8], now: Instant, progress: (String) throws -> Void = { _ in }) throws -> Result {
        try progress("Reading prices.")
        let history = try PriceHistory(csv: prices, now: now)
        let times = history.prices.values.flatMap { $0.map(\.time) }
        guard let first = times.min(), let last = times.max(), first < until, until < last else {
            throw RiskTrainingFault("The time \(until) is not within the prices.")
        }
        let features = RiskFeatures(history, through: last)
        let split = first + .microseconds(Int64(Double((until - first).microseconds) * Self.fitShare))
        let (choice, trials, threshold, validation) = try choose(features, split: split, progress)

        let training = RiskRows(features, from: nil, labelsBefore: until)
        try progress("Training \(choice.rawValue) on \(training.labels.count) rows.")
        let booster = try GradientBoosting.train(
            training.features, columns: RiskRows.columns, labels: training.targets, choice.parameters, threads: threads)
        let (model, file) = try RiskModelFile.make(booster: booster, threshold: threshold, version: version)

        let test = RiskRows(features, from: until, labelsBefore: nil)
        try progress("Testing on \(test.labels.count) rows.")
        let scores = model.scores(test.features)
        let metrics = try metrics(scores, test.labels, "the time after \(until)")
        let single = RiskFeature.allCases.enumerated().map { index, feature in
            let auc = RankMetrics(scores: test.column(index), labels: test.labels).auc ?? 0.5
            return (
                index: index, isInverted: auc < 0.5,
                report: RiskReport.SingleFeature(
                    feature: feature.rawValue, auc: max(auc, 1 - auc))
            )
        }.sorted { $0.report.auc > $1.report.auc }
        let report = RiskReport(
            version: model.version, digest: model.digest, pricesDigest: Hex.encode(Digest.sha256(prices)),
            pools: features.pools.count, skippedPools: features.skipped.map(\.description), setup: choice,
            trials: trials,
            training: .init(from: first, training), validation: validation, test: .init(from: until, test),
            auc: metrics.auc, averagePrecision: metrics.averagePrecision,
            threshold: ThresholdMetrics(threshold, scores: scores, labels: test.labels),
            calibration: CalibrationBin.table(scores: scores, labels: test.labels), singleFeatures: single.map(\.report)
        )
        let curves =
            [("risk model", scores)]
            + single.prefix(1).map { best in
                (best.report.feature, test.column(best.index).map { best.isInverted ? -$0 : $0 })
            }
        return Result(
            model: model, file: file, report: report, plot: try Self.plot(curves, test.labels, version: model.version))
    }

    /// Trains every set of parameters on the first part of the training time.
    /// - Returns: the set with the highest AUC on the last part, and the best threshold there.
    private func choose(
        _ features: RiskFeatures, split: Instant, _ progress: (String) throws -> Void
    ) throws -> (RiskSetup, [RiskReport.Trial], threshold: Double, RiskReport.Part) {
        let fit = RiskRows(features, from: nil, labelsBefore: split)
        let validation = RiskRows(features, from: split, labelsBefore: until)
        var trials: [RiskReport.Trial] = []
        var best: (setup: RiskSetup, auc: Double, scores: [Double])?
        for setup in setups {
            try progress("Training \(setup.rawValue) on \(fit.labels.count) rows, to compare parameters.")
            let booster = try GradientBoosting.train(
                fit.features, columns: RiskRows.columns, labels: fit.targets, setup.parameters, threads: threads)
            let scores = try TreeEnsemble(xgboost: JSONValue(parsing: booster)).probabilities(validation.features)
            let metrics = try metrics(scores, validation.labels, "the last quarter before \(until)")
            trials.append(
                .init(
                    setup: setup, parameters: setup.parameters, auc: metrics.auc,
                    averagePrecision: metrics.averagePrecision))
            if best.map({ metrics.auc > $0.auc }) ?? true { best = (setup, metrics.auc, scores) }
        }
        guard let best else { throw RiskTrainingFault("There are no parameters to train with.") }
        let threshold = ThresholdMetrics.best(scores: best.scores, labels: validation.labels)
        return (best.setup, trials, threshold.threshold, .init(from: split, validation))
    }

    private func metrics(
        _ scores: [Double], _ labels: [Bool], _ part: String
    ) throws(RiskTrainingFault) -> (auc: Double, averagePrecision: Double) {
        let metrics = RankMetrics(scores: scores, labels: labels)
        guard let auc = metrics.auc, let precision = metrics.averagePrecision else {
            throw RiskTrainingFault(
                "\(part.prefix(1).uppercased())\(part.dropFirst()) has \(metrics.positive) rises of 3 % in "
                    + "\(metrics.rows) rows, so nothing can be tested. Use prices of a longer time.")
        }
        return (auc, precision)
    }

    private static func plot(_ curves: [(String, [Double])], _ labels: [Bool], version: String) throws -> [UInt8] {
        try LineChart(
            title: "Risk model \(version): rises found and false alarms",
            xTitle: "share of other rows at or above the score",
            yTitle: "share of rises at or above the score",
            series: curves.map { name, scores in
                let curve = RankMetrics.curve(scores: scores, labels: labels, pointsMax: 200)
                return LineChart.Series(name: name, x: curve.negative, y: curve.positive)
            }
        ).image(as: .svg).bytes
    }
}

/// Why a model cannot be trained on these prices.
package struct RiskTrainingFault: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
