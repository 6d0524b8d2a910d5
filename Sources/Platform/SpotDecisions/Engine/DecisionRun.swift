import Base

/// A decision in progress: the candidates and what the stages found. The stages are in the extensions.
struct DecisionRun {
    let input: DecisionInput
    let configuration: DecisionConfiguration
    /// What a workload needs; nil for one instance, which has what it needs.
    let needs: Hardware?
    /// The pool that the target is in.
    let currentPool: SpotPool?
    /// All candidates of the first stage, also those that a later stage dropped.
    var candidates: [Candidate] = []
    /// The best ones first after the cost sort.
    var ranking: [Candidate] { candidates.filter { $0.filteredReason == nil } }
    var decision = Decision.unknown
    var reason = "No stage decided."
    var selected: Candidate?
    private(set) var trace: [TraceEntry] = []

    /// Candidates that a trace entry names.
    static let namedMax = 5

    init(_ input: DecisionInput, _ configuration: DecisionConfiguration) {
        self.input = input
        self.configuration = configuration
        switch input.target {
        case .instance(let pool): (needs, currentPool) = (nil, pool)
        case .cluster(let needs, let current): (self.needs, currentPool) = (needs, current)
        }
    }

    /// The candidate of the current pool, also where a stage dropped it.
    var current: Candidate? { currentPool.flatMap { pool in candidates.first { $0.pool == pool } } }

    var outcome: DecisionOutcome {
        let earner = selected ?? current
        return DecisionOutcome(
            decision: decision,
            reason: reason,
            crashProbability: (current ?? selected)?.crashProbability,
            signal: input.signal,
            selected: selected,
            candidatesEvaluated: candidates.count,
            ranking: ranking,
            projectedHourlySavings: decision == .unknown ? 0 : earner?.hourlySavings ?? 0,
            source: input.source,
            trace: trace)
    }

    mutating func log(
        _ stage: DecisionStage, _ type: LogType, _ message: String, _ data: [String: JSONValue] = [:]
    ) { log(stage, type, .info, message, data) }

    mutating func log(
        _ stage: DecisionStage, _ type: LogType, _ level: LogLevel, _ message: String,
        _ data: [String: JSONValue] = [:]
    ) {
        trace.append(
            TraceEntry(time: input.time, stage: stage, logType: type, level: level, message: message, data: data))
    }

    /// Drops candidates, and logs how many.
    /// - Parameters:
    ///   - criterion: completes "3 of 12 candidates are dropped: ".
    ///   - reason: nil for a candidate that remains.
    mutating func drop(_ stage: DecisionStage, _ criterion: String, _ reason: (Candidate) -> FilterReason?) {
        var (dropped, before) = ([SpotPool](), 0)
        for index in candidates.indices where candidates[index].filteredReason == nil {
            before += 1
            guard let found = reason(candidates[index]) else { continue }
            candidates[index].filteredReason = found
            dropped.append(candidates[index].pool)
        }
        let isEmpty = dropped.count == before
        log(
            stage, .logic, isEmpty && before > 0 ? .warning : .info,
            "\(dropped.count) of \(before) candidates are dropped: \(criterion).",
            [
                "remaining": .integer(Int64(before - dropped.count)), "dropped": .integer(Int64(dropped.count)),
                "examples": .array(dropped.prefix(Self.namedMax).map { .string($0.description) }),
            ])
    }
}

/// Numbers in messages.
enum MessageText {
    /// At most two decimals, such as `0.3`.
    static func share(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

    /// Six decimals, such as `0.034000`.
    static func dollars(_ microdollars: Int64) -> String {
        (microdollars < 0 ? "-" : "") + DecimalText.millionths(Int64(clamping: microdollars.magnitude))
    }
}

extension Int64 {
    /// Millionths of a dollar as dollars, for JSON and for scores.
    package var microdollarsInDollars: Double { Double(self) / 1e6 }
}
