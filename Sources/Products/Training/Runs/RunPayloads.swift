import Forecasting
import Modules

/// The sizes of the training, validation and test parts, in per cent or as counts.
struct TrainingSplit: Payload, Hashable {
    var trainPercentage: Double?
    var valPercentage: Double?
    var testPercentage: Double?
    var shuffle: Bool?
    var trainCount: Int?
    var validationCount: Int?
    var testCount: Int?
    /// Alias of `shuffle`.
    var isRandom: Bool?
    var seed: Int?
    /// With `shuffle`: the number of consecutive datasets that stay together. From 2 on, test datasets share no values
    /// with training datasets.
    var blockLength: Int?

    enum CodingKeys: String, CodingKey {
        case trainPercentage, valPercentage, testPercentage, shuffle
        case trainCount = "n_train"
        case validationCount = "n_val"
        case testCount = "n_test"
        case isRandom = "random_dat"
        case seed, blockLength
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "trainPercentage": .numbers(0...100), "valPercentage": .numbers(0...100), "testPercentage": .numbers(0...100),
        "n_train": .range(0...100_000_000), "n_val": .range(0...100_000_000), "n_test": .range(0...100_000_000),
        "seed": .range(0...(1 << 53)),
        "blockLength": .range(1...100_000),
    ]

    /// The split of a dataset recipe; 70, 20 and 10 per cent in the order of time by default.
    /// - Throws: `validation-failed` where the percentages do not add up to 100, or the training part is empty.
    func split() throws(Problem) -> DatasetSplit {
        let isShuffled = shuffle ?? isRandom ?? false
        let seed = UInt64(self.seed ?? 42)
        let block = blockLength ?? 1
        if let train = trainCount {
            guard train > 0 else { throw Problem.invalid("/training_split/n_train", "must be at least 1") }
            return DatasetSplit(
                train: Double(train),
                validation: Double(validationCount ?? 0),
                test: Double(testCount ?? 0),
                unit: .count,
                shuffle: isShuffled,
                seed: seed,
                blockLength: block
            )
        }
        let (train, validation, test) = (trainPercentage ?? 70, valPercentage ?? 20, testPercentage ?? 10)
        guard abs(train + validation + test - 100) < 1e-6 else {
            throw Problem.invalid("/training_split", "must add up to 100 per cent")
        }
        guard train > 0 else { throw Problem.invalid("/training_split/trainPercentage", "must be more than 0") }
        return DatasetSplit(
            train: train / 100, validation: validation / 100, test: test / 100, shuffle: isShuffled,
            seed: seed, blockLength: block)
    }
}

struct GenerateDatasets: Payload {
    var modelParameters: JSONValue?
    var trainingSplit: TrainingSplit?
    /// In minutes: a longer distance between neighbouring values is a gap, and datasets that need a value within it are
    /// dropped. 1.5 times the usual step of each series where nil; with -1 values are interpolated over any distance.
    var maximumGapMinutes: Double?

    enum CodingKeys: String, CodingKey {
        case modelParameters = "model_parameters"
        case trainingSplit = "training_split"
        case maximumGapMinutes = "max_gap_minutes"
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["max_gap_minutes": .numbers(-1...5_270_400)]

    /// - Throws: `validation-failed`.
    func checkGap() throws(Problem) {
        guard let maximumGapMinutes, maximumGapMinutes != -1, maximumGapMinutes <= 0 else { return }
        throw Problem.invalid("/max_gap_minutes", "must be more than 0, or -1")
    }
}

struct TrainModels: Payload {
    struct Parameters: Payload {
        var mode: ForecastMode
        var layers: Int?
        var neurons: Int?
        var epochs: Int?
        var activation: ForecastParameters.Activation?
        /// Parameters of other modes, accepted and ignored: clients send all members with every mode.
        var kernelSize: Int?
        var kernel: String?
        var c: Double?
        var epsilon: Double?
        /// The same seed and data give the same model.
        var seed: Int?

        enum CodingKeys: String, CodingKey {
            case mode = "MODE"
            case layers = "LAY"
            case neurons = "N"
            case epochs = "EP"
            case activation = "ACTF"
            case kernelSize = "K"
            case kernel = "KERNEL"
            case c = "C"
            case epsilon = "EPSILON"
            case seed
        }

        static let naming = Naming.asDeclared
        static let rules: [String: Rule] = [
            "LAY": .range(1...16), "N": .range(1...4096), "EP": .range(1...2000), "K": .range(1...4096),
            "KERNEL": .oneOf(["linear", "poly", "rbf", "sigmoid"]),
            "C": .numbers(0...1e6), "EPSILON": .numbers(0...1e6), "seed": .range(0...(1 << 53)),
        ]

        var forecast: ForecastParameters {
            ForecastParameters(
                mode,
                layers: layers ?? 3,
                neurons: neurons ?? 512,
                epochs: epochs ?? 20,
                activation: activation ?? .relu,
                seed: UInt64(seed ?? 42)
            )
        }
    }

    var modelParameters: Parameters
    var trainingSplit: TrainingSplit?

    enum CodingKeys: String, CodingKey {
        case modelParameters = "model_parameters"
        case trainingSplit = "training_split"
    }

    static let naming = Naming.asDeclared
}

/// An accepted run, with the URL of its status.
struct RunAccepted: Payload {
    var success: Bool
    var message: String
    var note: String
    var runId: ID<Run>
    var jobId: ID<QueuedJob>
    var statusUrl: String

    init(_ run: ID<Run>, job: ID<QueuedJob>, session: TrainingSession, message: String) {
        success = true
        self.message = message
        note = "The run continues in the background; poll status_url."
        runId = run
        jobId = job
        statusUrl = "/v1/training/status/\(session.id)"
    }
}

struct DatasetsGenerated: Payload {
    var success: Bool
    var message: String
    var datasetCount: Int64
    var nDat: Int64
    var droppedCount: Int
    /// What was dropped and why.
    var dropped: [DroppedDatasets]
    /// Settings that make the forecasts look better than they are.
    var warnings: [String]
    var violinPlots: [String: PlotView]
    var runId: ID<Run>
}

/// A plot as a data URL.
struct PlotView: Payload {
    var data: String
    /// input, time, output, forecast or loss.
    var type: String
    /// Such as IN1 or OUT1.
    var label: String
}

struct RunStatus: Payload {
    enum Status: String, Codable, Sendable, CaseIterable {
        case notFound = "not_found"
        case queued, running, completed, failed, cancelled
    }

    var status: Status
    var kind: Run.Kind?
    /// In per cent, 0 to 100.
    var progress: Double
    var currentStep: String?
    var message: String?
    var error: String?
    var runId: ID<Run>?
    var createdAt: Instant?
    var completedAt: Instant?
}
