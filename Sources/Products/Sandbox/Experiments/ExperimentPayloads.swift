import Identity
import Modules
import SpotDecisions

/// One run of an experiment. Amounts are US dollars.
struct ExperimentView: Payload {
    var id: ID<Experiment>
    var instanceId: String
    var modelId: ID<LabModel>
    var modelVersion: String
    /// 0 to 1.
    var predictionScore: Double?
    var decision: Experiment.Decision
    var executionTime: Instant
    var executionDurationMs: Int64
    var candidatesEvaluated: Int64
    var selectedType: String?
    var selectedAz: String?
    var spotPrice: Double?
    var onDemandPrice: Double?
    /// An hour.
    var projectedSavings: Double
    var projectedSavingsMicros: Int64
    var currency = "usd"
    var pipelineMode: LabInstance.PipelineMode
    var source: String

    init(_ experiment: Experiment) {
        id = experiment.id
        instanceId = experiment.instance
        modelId = experiment.model
        modelVersion = experiment.modelVersion
        predictionScore = experiment.score
        decision = experiment.decision
        executionTime = experiment.executedAt
        executionDurationMs = experiment.milliseconds
        candidatesEvaluated = experiment.candidates
        selectedType = experiment.selectedType
        selectedAz = experiment.selectedZone
        spotPrice = experiment.spotPrice?.microdollarsInDollars
        onDemandPrice = experiment.onDemandPrice?.microdollarsInDollars
        projectedSavings = experiment.projectedSavings.microdollarsInDollars
        projectedSavingsMicros = experiment.projectedSavings
        pipelineMode = experiment.mode
        source = experiment.source
    }
}

/// The totals of a model's experiments.
struct ExperimentTotals: Payload {
    var modelId: ID<LabModel>
    var totalPredictions: Int64
    /// 0 to 1; 0 without a run.
    var switchRate: Double
    /// 0 to 1; 0 without a score.
    var averageScore: Double
    /// US dollars an hour, of the runs that decided to switch.
    var totalSavings: Double
    var totalSavingsMicros: Int64
    var currency = "usd"

    struct Sums: Sendable {
        let runs: Int64
        let switches: Int64
        let scored: Int64
        let score: Double
        let savings: Int64

        init(row: Row) throws {
            runs = try row["runs"]
            switches = try row["switches"]
            scored = try row["scored"]
            score = try row["score"]
            savings = try row["savings"]
        }
    }

    init(_ model: ID<LabModel>, _ sums: Sums?) {
        modelId = model
        totalPredictions = sums?.runs ?? 0
        switchRate = sums.map { Double($0.switches) / Double(max(1, $0.runs)) } ?? 0
        averageScore = sums.map { $0.score / Double(max(1, $0.scored)) } ?? 0
        totalSavingsMicros = sums?.savings ?? 0
        totalSavings = totalSavingsMicros.microdollarsInDollars
    }
}

struct ExperimentArchiveView: Payload {
    var id: ID<ExperimentArchive>
    var organisationId: ID<Organisation>
    var rows: Int64
    var bytes: Int64
    /// When the first and the last of its runs were executed.
    var firstAt: Instant
    var lastAt: Instant
    var createdAt: Instant

    init(_ archive: ExperimentArchive) {
        id = archive.id
        organisationId = archive.organisation
        rows = archive.rows
        bytes = archive.bytes
        firstAt = archive.firstAt
        lastAt = archive.lastAt
        createdAt = archive.createdAt
    }
}
