import Identity
import Modules
import SpotDecisions

/// The log of one run of the linear pipeline.
struct Experiment: Sendable {
    enum Decision: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case `switch` = "SWITCH"
        case hold = "HOLD"
        case failed = "FAILED"

        init(_ decision: SpotDecisions.Decision) {
            switch decision {
            case .switch, .evacuate: self = .switch
            case .stay, .drain: self = .hold
            case .unknown: self = .failed
            }
        }
    }

    let id: ID<Experiment>
    let organisation: ID<Organisation>
    let instance: String
    let model: ID<LabModel>
    let modelVersion: String
    let score: Double?
    let decision: Decision
    let executedAt: Instant
    let milliseconds: Int64
    let candidates: Int64
    let selectedType: String?
    let selectedZone: String?
    let spotPrice: Int64?
    let onDemandPrice: Int64?
    let projectedSavings: Int64
    let mode: LabInstance.PipelineMode
    let source: String

    /// How long runs are kept in the database; a job archives older ones.
    static let retention = Duration.days(90)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        instance = try row["instance_id"]
        model = try row["model_id"]
        modelVersion = try row["model_version"]
        score = try row["prediction_score"]
        decision = try row["decision"]
        executedAt = try row["executed_at"]
        milliseconds = try row["execution_duration_ms"]
        candidates = try row["candidates_evaluated"]
        selectedType = try row["selected_type"]
        selectedZone = try row["selected_zone"]
        spotPrice = try row["spot_price"]
        onDemandPrice = try row["on_demand_price"]
        projectedSavings = try row["projected_savings"]
        mode = try row["pipeline_mode"]
        source = try row["source"]
    }
}

/// A run to insert.
struct NewExperiment: Sendable {
    let id: ID<Experiment>
    let organisation: ID<Organisation>
    let instance: String
    let model: ID<LabModel>
    let version: String
    let outcome: DecisionOutcome
    let milliseconds: Int64
    let mode: LabInstance.PipelineMode
}

/// A file of runs that were removed from the database.
struct ExperimentArchive: Sendable {
    let id: ID<ExperimentArchive>
    let organisation: ID<Organisation>
    let rows: Int64
    let bytes: Int64
    let firstAt: Instant
    let lastAt: Instant
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        rows = try row["row_count"]
        bytes = try row["bytes"]
        firstAt = try row["first_at"]
        lastAt = try row["last_at"]
        createdAt = try row["created_at"]
    }
}
