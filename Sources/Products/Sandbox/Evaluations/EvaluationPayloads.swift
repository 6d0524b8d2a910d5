import Modules
import SpotDecisions

/// A decision about the instance of a session.
struct SessionEvaluation: Payload {
    /// `STAY`, `SWITCH`, `DRAIN`, `EVACUATE` or `UNKNOWN`.
    var decision: String
    var reason: String
    /// 0 to 1; null where it is not known.
    var crashProbability: Double?
    var awsSignal: String
    /// US dollars.
    var projectedHourlySavings: Double
    var projectedHourlySavingsMicros: Int64
    var currency = "usd"
    var actionTaken: ActionTaken
    /// `aws`, or `builtin` for the built-in tables.
    var source: String
    var selectedCandidate: SelectedCandidate?

    init(_ outcome: DecisionOutcome, _ action: ActionTaken) {
        decision = outcome.decision.rawValue
        reason = outcome.reason
        crashProbability = outcome.crashProbability
        awsSignal = outcome.signal.rawValue
        projectedHourlySavings = outcome.projectedHourlySavings.microdollarsInDollars
        projectedHourlySavingsMicros = outcome.projectedHourlySavings
        actionTaken = action
        source = outcome.source.rawValue
        selectedCandidate = outcome.selected.map(SelectedCandidate.init)
    }

    /// Every member is always present, as clients read them: null where it is not known.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(decision, forKey: .decision)
        try container.encode(reason, forKey: .reason)
        try container.encode(crashProbability, forKey: .crashProbability)
        try container.encode(awsSignal, forKey: .awsSignal)
        try container.encode(projectedHourlySavings, forKey: .projectedHourlySavings)
        try container.encode(projectedHourlySavingsMicros, forKey: .projectedHourlySavingsMicros)
        try container.encode(currency, forKey: .currency)
        try container.encode(actionTaken, forKey: .actionTaken)
        try container.encode(source, forKey: .source)
        try container.encode(selectedCandidate, forKey: .selectedCandidate)
    }
}

/// What followed from a decision.
enum ActionTaken: String, Codable, Sendable, CaseIterable {
    /// There is nothing to do.
    case none
    /// The session only decides.
    case logged
    /// The instance is being replaced.
    case started
    /// It would be replaced, but prices of AWS are missing, it does not run, an earlier move could not be rolled back,
    /// or another session replaces it: the log tells which.
    case unavailable
}

struct SelectedCandidate: Payload {
    var instanceType: String
    var availabilityZone: String
    /// US dollars an hour.
    var spotPrice: Double
    /// 0 to 1.
    var crashProbability: Double?

    init(_ candidate: Candidate) {
        instanceType = candidate.pool.instanceType
        availabilityZone = candidate.pool.availabilityZone
        spotPrice = candidate.spotPrice.microdollarsInDollars
        crashProbability = candidate.crashProbability
    }
}

struct EvaluatePool: Payload {
    var instanceType: String
    var availabilityZone: String
    /// Of an instance with a configuration of the lab: its pipeline decides; the run of a data scientist is logged.
    var instanceId: String?

    static let rules: [String: Rule] = [
        "instance_type": .length(1...32), "availability_zone": .length(1...32), "instance_id": .length(1...32),
    ]
}

/// A decision about a pool.
struct PoolEvaluation: Payload {
    /// `STAY`, `SWITCH`, `DRAIN`, `EVACUATE` or `UNKNOWN`.
    var decision: String
    var reason: String
    /// 0 to 1; null where it is not known.
    var crashProbability: Double?
    var awsSignal: String
    var executionTimeMs: Double
    var candidatesEvaluated: Int
    var selectedCandidate: SelectedCandidate?
    /// `aws`, or `builtin` for the built-in tables.
    var source: String

    init(_ outcome: DecisionOutcome, milliseconds: Double) {
        decision = outcome.decision.rawValue
        reason = outcome.reason
        crashProbability = outcome.crashProbability
        awsSignal = outcome.signal.rawValue
        executionTimeMs = milliseconds
        candidatesEvaluated = outcome.candidatesEvaluated
        selectedCandidate = outcome.selected.map(SelectedCandidate.init)
        source = outcome.source.rawValue
    }

    /// Every member is always present, as clients read them: null where it is not known.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(decision, forKey: .decision)
        try container.encode(reason, forKey: .reason)
        try container.encode(crashProbability, forKey: .crashProbability)
        try container.encode(awsSignal, forKey: .awsSignal)
        try container.encode(executionTimeMs, forKey: .executionTimeMs)
        try container.encode(candidatesEvaluated, forKey: .candidatesEvaluated)
        try container.encode(selectedCandidate, forKey: .selectedCandidate)
        try container.encode(source, forKey: .source)
    }
}
