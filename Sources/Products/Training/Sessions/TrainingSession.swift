import Identity
import Modules

/// A forecasting project: its files, settings, datasets and models.
struct TrainingSession: Sendable {
    /// The progress of the session; the raw values are part of the API.
    enum Phase: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case upload
        /// Datasets are being generated.
        case phase1
        /// Datasets are ready.
        case phase2
        /// A model is being trained.
        case phase3
        /// A model is trained.
        case phase4
        /// A forecast has been plotted.
        case completed
    }

    let id: ID<TrainingSession>
    let organisation: ID<Organisation>
    /// The id chosen by the client, such as `session_1767225600000_k3j9`.
    let clientID: String
    let name: String?
    let phase: Phase
    let isFinalized: Bool
    let timeInfo: TimeInfo?
    let steps: StepSettings?
    /// The run that generated the present datasets.
    let datasetRun: ID<Run>?
    let datasetCount: Int64?
    let createdAt: Instant
    let updatedAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        clientID = try row["client_id"]
        name = try row["name"]
        phase = try row["phase"]
        isFinalized = try row["is_finalized"]
        timeInfo = try row.read("time_info", as: String?.self).map { try JSONColumn.decode($0) }
        steps = try row.read("steps", as: String?.self).map { try JSONColumn.decode($0) }
        datasetRun = try row["dataset_run_id"]
        datasetCount = try row["dataset_count"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
