import Modules

/// A trained model, which can be downloaded and used for predictions.
struct StoredModel: Sendable {
    let id: ID<StoredModel>
    let run: ID<Run>
    let attempt: Int64
    let fileName: String
    let mode: String
    let bytes: Int64
    let createdAt: Instant
}
