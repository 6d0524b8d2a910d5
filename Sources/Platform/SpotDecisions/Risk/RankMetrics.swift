/// How well scores separate rows with a positive label from others.
package struct RankMetrics: Sendable, Hashable {
    /// The probability that a positive row has a higher score than a negative one; ties count half. nil where one
    /// class is empty.
    package let auc: Double?
    /// The mean precision over the positive rows, as scikit-learn computes it; nil without positive rows.
    package let averagePrecision: Double?
    package let rows: Int
    package let positive: Int

    package init(scores: [Double], labels: [Bool]) {
        let order = Self.descending(scores)
        var (truePositive, falsePositive) = (0, 0)
        var (area, precision) = (0.0, 0.0)
        var index = 0
        while index < order.count {
            let (trueBefore, falseBefore) = (truePositive, falsePositive)
            let score = scores[order[index]]
            while index < order.count, scores[order[index]] == score {
                if labels[order[index]] { truePositive += 1 } else { falsePositive += 1 }
                index += 1
            }
            let (newTrue, newFalse) = (truePositive - trueBefore, falsePositive - falseBefore)
            area += Double(newFalse) * (Double(trueBefore) + Double(newTrue) / 2)
            precision += Double(newTrue) * Double(truePositive) / Double(truePositive + falsePositive)
        }
        rows = labels.count
        positive = truePositive
        auc = truePositive > 0 && falsePositive > 0 ? area / (Double(truePositive) * Double(falsePositive)) : nil
        averagePrecision = truePositive > 0 ? precision / Double(truePositive) : nil
    }

    /// Shares of negative and positive rows at or above every score, for a plot.
    /// - Parameter pointsMax: the curve is thinned to about as many.
    static func curve(scores: [Double], labels: [Bool], pointsMax: Int) -> (negative: [Double], positive: [Double]) {
        let order = descending(scores)
        let totals = (negative: Double(max(1, labels.count { !$0 })), positive: Double(max(1, labels.count { $0 })))
        var (negative, positive, counts) = ([0.0], [0.0], (negative: 0, positive: 0))
        var index = 0
        while index < order.count {
            let score = scores[order[index]]
            while index < order.count, scores[order[index]] == score {
                if labels[order[index]] { counts.positive += 1 } else { counts.negative += 1 }
                index += 1
            }
            let point = (Double(counts.negative) / totals.negative, Double(counts.positive) / totals.positive)
            let distance = point.0 - (negative.last ?? 0) + point.1 - (positive.last ?? 0)
            if distance >= 2 / Double(pointsMax) || index == order.count {
                negative.append(point.0)
                positive.append(point.1)
            }
        }
        return (negative, positive)
    }

    private static func descending(_ scores: [Double]) -> [Int] {
        scores.withUnsafeBufferPointer { scores in scores.indices.sorted { scores[$0] > scores[$1] } }
    }
}

/// What a threshold selects.
package struct ThresholdMetrics: Sendable, Hashable, Codable {
    package let threshold: Double
    /// The share of selected rows that are positive; 0 where none is selected.
    package let precision: Double
    /// The share of positive rows that are selected.
    package let recall: Double

    var f1: Double { precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0 }

    init(_ threshold: Double, scores: [Double], labels: [Bool]) {
        var (selected, hits, positive) = (0, 0, 0)
        for (score, label) in zip(scores, labels) {
            if label { positive += 1 }
            guard score >= threshold else { continue }
            selected += 1
            if label { hits += 1 }
        }
        self.threshold = threshold
        precision = selected > 0 ? Double(hits) / Double(selected) : 0
        recall = positive > 0 ? Double(hits) / Double(positive) : 0
    }

    /// The threshold of 0.10, 0.11 … 0.89 with the best F1; 0.65 where none selects a positive row.
    static func best(scores: [Double], labels: [Bool]) -> ThresholdMetrics {
        let all = (10...89).map { ThresholdMetrics(Double($0) / 100, scores: scores, labels: labels) }
        guard let best = all.max(by: { $0.f1 < $1.f1 }), best.f1 > 0 else {
            return ThresholdMetrics(0.65, scores: scores, labels: labels)
        }
        return best
    }
}

/// The rows whose scores lie in a tenth, and how many of them are positive.
package struct CalibrationBin: Sendable, Hashable, Codable {
    /// The lowest score: 0, 0.1 … 0.9.
    package let from: Double
    package let rows: Int
    package let meanScore: Double
    /// The share of positive rows.
    package let observed: Double

    static func table(scores: [Double], labels: [Bool]) -> [CalibrationBin] {
        var sums = [(rows: Int, score: Double, positive: Int)](repeating: (0, 0, 0), count: 10)
        for (score, label) in zip(scores, labels) {
            let bin = min(9, Int(score * 10))
            sums[bin].rows += 1
            sums[bin].score += score
            if label { sums[bin].positive += 1 }
        }
        return sums.enumerated().filter { $0.element.rows > 0 }.map { bin, sum in
            CalibrationBin(
                from: Double(bin) / 10, rows: sum.rows, meanScore: sum.score / Double(sum.rows),
                observed: Double(sum.positive) / Double(sum.rows))
        }
    }
}
