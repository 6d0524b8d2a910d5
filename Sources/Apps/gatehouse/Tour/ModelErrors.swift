/// The errors of a trained model in original units, and those of persistence, which repeats the last value.
struct ModelErrors: Sendable {
    let name: String
    let fileName: String
    let mae: Double
    let rmse: Double
    let persistenceMAE: Double
    let persistenceRMSE: Double
}
