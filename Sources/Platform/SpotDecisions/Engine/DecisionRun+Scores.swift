import Base

/// The stages that give candidates their numbers.
extension DecisionRun {
    /// The probability of a pool that the risk model does not cover.
    static let unknownRisk = 0.50

    /// Scores dropped candidates too where they are the current one, whose probability every answer has.
    mutating func score() {
        var (scored, unknown, highest) = (0, 0, 0.0)
        for index in candidates.indices
        where candidates[index].filteredReason == nil || candidates[index].pool == currentPool {
            let known = Self.probability(of: candidates[index].pool, in: input.risk)
            candidates[index].crashProbability = known ?? Self.unknownRisk
            highest = max(highest, known ?? Self.unknownRisk)
            scored += 1
            if known == nil { unknown += 1 }
        }
        var data: [String: JSONValue] = [
            "scored": .integer(Int64(scored)), "without_model": .integer(Int64(unknown)),
            "highest": .number(highest), "source": .string(input.source.rawValue),
        ]
        if let probability = current?.crashProbability { data["crash_probability"] = .number(probability) }
        let own = current?.crashProbability.map { " The current pool has \(MessageText.share($0))." } ?? ""
        let assumed =
            unknown == 0
            ? "" : " The model does not cover \(unknown), which get \(MessageText.share(Self.unknownRisk))."
        log(
            .riskModel, .logic, unknown == 0 ? .info : .warning,
            "The risk of \(scored) candidates is known.\(own)\(assumed)", data)
    }

    /// - Returns: nil where the model has none, also for a number that is no probability.
    static func probability(of pool: SpotPool, in risk: [SpotPool: Double]) -> Double? {
        risk[pool].flatMap { (0...1).contains($0) ? $0 : nil }
    }

    mutating func computeWaste() {
        for index in candidates.indices where candidates[index].filteredReason == nil {
            let candidate = candidates[index]
            let vcpus = candidate.hardware.vcpus
            let unused = needs.map { Double(vcpus - $0.vcpus) / Double(vcpus) } ?? 0
            candidates[index].wasteCost = candidate.spotPrice.microdollarsInDollars * unused
        }
        log(.binPacking, .logic, "The cost of unused processors is added to \(ranking.count) candidates.")
    }

    /// Yield = 100 × (1 − cost ÷ highest cost) × (1 − risk), where the cost is the spot price and the waste.
    mutating func sortByCost() {
        let costs = candidates.map { $0.spotPrice.microdollarsInDollars + ($0.wasteCost ?? 0) }
        let remaining = candidates.indices.filter { candidates[$0].filteredReason == nil }
        let highest = remaining.map { costs[$0] }.max() ?? 0
        for index in remaining {
            let relative = highest > 0 ? costs[index] / highest : 0
            candidates[index].yieldScore =
                100 * (1 - relative) * (1 - (candidates[index].crashProbability ?? Self.unknownRisk))
        }
        let dropped = candidates.indices.filter { candidates[$0].filteredReason != nil }
        // Equal scores are ordered by cost and name, so that equal inputs give equal decisions.
        let order = remaining.sorted { left, right in
            let (leftYield, rightYield) = (candidates[left].yieldScore ?? 0, candidates[right].yieldScore ?? 0)
            if leftYield != rightYield { return leftYield > rightYield }
            if costs[left] != costs[right] { return costs[left] < costs[right] }
            return candidates[left].pool < candidates[right].pool
        }
        candidates = (order + dropped).map { candidates[$0] }
        let best = ranking.prefix(Self.namedMax).map { candidate -> JSONValue in
            ["pool": .string(candidate.pool.description), "yield": .number(candidate.yieldScore ?? 0)]
        }
        let leader = ranking.first.map { " \($0.pool) is the best one." } ?? ""
        log(
            .costSort, .logic, "\(remaining.count) candidates are sorted by cost and risk.\(leader)",
            ["best": .array(best)])
    }
}
