import Modules

extension Problem.Kind {
    static let sessionNotFound = Self("session-not-found", "Session not found", status: 404)
    static let fileNotFound = Self("file-not-found", "File not found", status: 404)
    static let resultsNotFound = Self("results-not-found", "There are no results yet", status: 404)
    static let modelNotFound = Self("model-not-found", "Model not found", status: 404)
    static let trainingInProgress = Self("training-in-progress", "A run of this session is under way", status: 409)
    static let datasetNotReady = Self("dataset-not-ready", "The session has no datasets yet", status: 409)
    static let chunkMissing = Self("chunk-missing", "The first chunk of this upload has not arrived", status: 409)
    static let uploadConflict = Self("upload-conflict", "This upload was begun differently", status: 409)
    static let unusableFile = Self("unusable-file", "The file cannot be used as a time series", status: 422)
    static let modelNotAvailable = Self("model-not-available", "This model is not available", status: 422)
    static let generationFailed = Self("generation-failed", "The datasets could not be generated", status: 422)
}
