import Forecasting
import Modules

// The messages of a session's topic, `training.<uuid>`, under the names that the web client's events have.

/// `dataset_status_update`: the state of a run that generates datasets.
struct DatasetStatusUpdate: Payload {
    let sessionId: String
    let runId: ID<Run>
    /// 0 to 100.
    let progress: Double
    /// The part of the work, such as `datasets` or `plots`.
    let step: String
    let status: Status
    let message: String?

    enum Status: String, Codable, Sendable, CaseIterable {
        case queued, processing, completed, failed, cancelled
    }
}

/// `training_progress`: the state of a run that trains a model.
struct TrainingProgress: Payload {
    let sessionId: String
    let runId: ID<Run>
    let status: Status
    /// 0 to 100.
    let progressPercent: Double
    let message: String?
    /// The part of the work, such as `training` or `evaluation`.
    let phase: String
    let modelName: String
    let totalEpochs: Int

    enum Status: String, Codable, Sendable, CaseIterable {
        case starting = "training_starting"
        case started = "training_started"
        case processing
        case modelCompleted = "model_training_completed"
        case post = "post_training"
        case completed = "training_completed"
    }
}

/// `training_metrics`: the losses of one epoch.
struct TrainingMetrics: Payload {
    let sessionId: String
    let runId: ID<Run>
    let epoch: Int
    let totalEpochs: Int
    let loss: Double
    let valLoss: Double?
    let rootMeanSquaredError: Double
    let valRootMeanSquaredError: Double?
    /// The estimated rest of the training.
    let etaSeconds: Double
    /// The same as minutes and seconds: `1:05`.
    let etaFormatted: String
    /// 0 to 50: the other half is what follows the epochs.
    let progressPercent: Double
    /// In seconds.
    let epochDuration: Double

    init(_ epoch: EpochReport, of run: ID<Run>, session: String) {
        sessionId = session
        runId = run
        self.epoch = epoch.epoch
        totalEpochs = epoch.epochs
        loss = epoch.loss
        valLoss = epoch.validationLoss
        rootMeanSquaredError = epoch.rmse
        valRootMeanSquaredError = epoch.validationRMSE
        etaSeconds = epoch.secondsLeft
        let seconds = Int(min(max(epoch.secondsLeft.rounded(), 0), 1e9))
        etaFormatted = "\(seconds / 60):" + (seconds % 60 < 10 ? "0" : "") + "\(seconds % 60)"
        progressPercent = 50 * Double(epoch.epoch) / Double(max(1, epoch.epochs))
        epochDuration = epoch.durationSeconds
    }
}

/// `training_completed`: the last message of a run that has trained a model.
struct TrainingCompleted: Payload {
    let sessionId: String
    let runId: ID<Run>
    let success: Bool
    let message: String
}

/// `training_error`: the last message of a training run without a model.
struct TrainingFailed: Payload {
    let sessionId: String
    let runId: ID<Run>
    let status: Status
    let error: String

    enum Status: String, Codable, Sendable, CaseIterable {
        case failed, cancelled
    }
}
