/// The state of a training after an epoch.
package struct EpochReport: Codable, Sendable, Equatable {
    /// The number of the epoch, from 1.
    package var epoch: Int
    /// The largest number of epochs.
    package var epochs: Int
    /// The mean squared error over the batches of the epoch, of scaled values.
    package var loss: Double
    /// The mean squared error over the validation part; nil without one.
    package var validationLoss: Double?
    /// The square root of `loss`.
    package var rmse: Double
    /// The square root of `validationLoss`.
    package var validationRMSE: Double?
    /// The duration of the epoch.
    package var durationSeconds: Double
    /// The estimated rest of the training without early stopping.
    package var secondsLeft: Double
}
