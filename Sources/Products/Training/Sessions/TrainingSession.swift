import Identity
import Modules

/// One forecasting project: files, settings, datasets and models that belong together.
struct TrainingSession: Sendable {
    /// How far the work has come, in the words that clients know.
    enum Phase: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case upload
        /// Datasets are being made.
        case phase1
        /// Datasets are ready.
        case phase2
        /// A model is being trained.
        case phase3
        /// A model is trained.
        case phase4
        /// A plot of a forecast was made.
        case completed
    }

    let id: ID<TrainingSession>
    let organisation: ID<Organisation>
    /// The id that the client made up, such as `session_1767225600000_k3j9`.
    let clientID: String
    let name: String?
    let phase: Phase
    let isFinalized: Bool
    let timeInfo: TimeInfo?
    let steps: StepSettings?
    /// The run whose datasets count.
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
        timeInfo = try row.read("time_info", as: String?.self).map { try JSONText.decode($0) }
        steps = try row.read("steps", as: String?.self).map { try JSONText.decode($0) }
        datasetRun = try row["dataset_run_id"]
        datasetCount = try row["dataset_count"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
