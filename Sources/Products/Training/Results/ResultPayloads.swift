import Forecasting
import Identity
import Modules

struct ResultSummary: Payload {
    var nDat: Int64
    var workflowPhase: TrainingSession.Phase
    var hasTrainingResults: Bool
    var hasTrainedModel: Bool
    var modelCount: Int
    var hasViolinPlots: Bool
    var violinPlotTypes: [String]
}

/// The result of a training run.
struct ResultView: Payload {
    struct Epoch: Payload {
        var epoch: Int
        var loss: Double
        var validationLoss: Double?
        var rmse: Double
    }

    var runId: ID<Run>
    var mode: String
    var layers: Int
    var neurons: Int
    var epochsAsked: Int
    var activation: String
    var seed: Int
    var datasetsTested: Int
    var seconds: Double
    var modelFilename: String
    var epochs: [Epoch]
    var dfEval: [String: [String: [Double?]]]
    var finishedAt: Instant?

    init(_ run: Run, _ result: TrainingResult) {
        runId = run.id
        mode = result.mode.rawValue
        layers = result.parameters.layers
        neurons = result.parameters.neurons
        epochsAsked = result.parameters.epochs
        activation = result.parameters.activation.rawValue
        seed = Int(clamping: result.parameters.seed)
        datasetsTested = result.evaluation.datasets
        seconds = result.seconds
        modelFilename = result.modelFileName
        epochs = result.epochs.map {
            Epoch(epoch: $0.epoch, loss: $0.loss, validationLoss: $0.validationLoss, rmse: $0.rmse)
        }
        dfEval = result.evaluation.model.overall
        finishedAt = run.finishedAt
    }
}

/// The metrics by output and averaging level, and by step; undefined values are null. `persistence` has the metrics of
/// the baseline that repeats the last known value.
struct EvaluationTables: Payload {
    var overall: [String: [String: [Double?]]]
    var bySteps: [String: [String: [String: [Double?]]]]
    var modelType: String
    var persistence: [String: [String: [Double?]]]?

    enum CodingKeys: String, CodingKey {
        case overall = "df_eval"
        case bySteps = "df_eval_ts"
        case modelType = "model_type"
        case persistence
    }

    static let naming = Naming.asDeclared
}

struct PlotVariables: Payload {
    var inputVariables: [String]
    var outputVariables: [String]
    var timeComponents: [String]
}

struct Visualizations: Payload {
    struct Metadata: Payload {
        var runIds: [ID<Run>]
    }

    var plots: [String: PlotView]
    var metadata: Metadata
    var createdAt: Instant?
    var nDat: Int64
    var message: String
}

struct GeneratePlot: Payload {
    struct Settings: Payload {
        /// The number of datasets plotted, from the start of the test part.
        var datasets: Int?
        /// The step of the forecasts, from 1; the last step where nil.
        var step: Int?
        var format: String?

        static let naming = Naming.asDeclared
        static let rules: [String: Rule] = [
            "datasets": .range(1...4_000), "step": .range(1...4_096), "format": .oneOf(["png", "svg"]),
        ]
    }

    var sessionId: String
    var plotSettings: Settings?
    /// The columns to plot, by name. Where nil: all outputs and forecasts, no inputs.
    var outputs: [String: Bool]?
    var forecasts: [String: Bool]?
    var inputs: [String: Bool]?
    /// The file name of a model; the latest where nil.
    var modelId: String?

    enum CodingKeys: String, CodingKey {
        case sessionId
        case plotSettings = "plot_settings"
        case outputs = "df_plot_out"
        case forecasts = "df_plot_fcst"
        case inputs = "df_plot_in"
        case modelId = "model_id"
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": .length(1...128), "model_id": .length(1...255)]
}

struct PlotDrawn: Payload {
    /// A data URL.
    var plotData: String
    var message: String
}

struct ScalerView: Payload {
    struct Column: Payload {
        var name: String
        var dataMin: Double
        var dataMax: Double
        /// Null where the column is not scaled.
        var targetMin: Double?
        var targetMax: Double?
    }

    var inputScaler: [Column]
    var outputScaler: [Column]
    /// The datasets on which the scalers were fitted.
    var fittedOn: String

    init(_ manifest: DatasetManifest) {
        func columns(_ columns: [DatasetManifest.Column], _ scaler: Scaler) -> [Column] {
            zip(columns, scaler.columns).map { column, scaling in
                Column(
                    name: column.name,
                    dataMin: scaling.dataMinimum,
                    dataMax: scaling.dataMaximum,
                    targetMin: scaling.target?.minimum,
                    targetMax: scaling.target?.maximum
                )
            }
        }
        inputScaler = columns(manifest.inputColumns, manifest.inputScaler)
        outputScaler = columns(manifest.outputColumns, manifest.outputScaler)
        fittedOn = "the training part: \(manifest.split.train) of \(manifest.count) datasets"
    }
}

struct ScaleData: Payload {
    /// Rows with one number for each input column.
    var inputData: [[Double]]

    static let rules: [String: Rule] = ["input_data": .items(upTo: 100_000)]
}

struct DataScaled: Payload {
    var scaledData: [[Double]]
    var scalingInfo: ScalerView
}

struct ModelList: Payload {
    struct Model: Payload {
        var id: ID<StoredModel>
        var filename: String
        var mode: String
        var bytes: Int64
        var runId: ID<Run>
        var createdAt: Instant
    }

    struct Models: Payload {
        var models: [Model]
        var count: Int
    }

    var success: Bool
    var data: Models

    var listTotal: Int64? { Int64(data.count) }
}

struct Predict: Payload {
    /// The file name of a model; the latest where nil.
    var modelFilename: String?
    /// One row of I_N steps × F columns, or an array of rows.
    var inputData: JSONValue
    /// Whether inputs and outputs are in original units; true by default.
    var applyScaling: Bool?

    static let rules: [String: Rule] = ["model_filename": .length(1...255)]
}

struct Predicted: Payload {
    /// For each row O_N steps with one number for each output.
    var predictions: [[[Double]]]
    var modelUsed: String
    var timestamp: Instant
    var inputCount: Int
    var scalingApplied: Bool
}
