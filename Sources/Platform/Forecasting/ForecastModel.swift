package import Foundation

/// The shape of a forecast: I_N steps of F features in, O_N steps of G outputs out.
package struct ForecastShape: Codable, Sendable, Equatable {
    /// I_N
    package var inputSteps: Int
    /// F, with the time features.
    package var inputFeatures: Int
    /// O_N
    package var outputSteps: Int
    /// G
    package var outputFeatures: Int

    /// All four are at least 1.
    package init(inputSteps: Int, inputFeatures: Int, outputSteps: Int, outputFeatures: Int) {
        self.inputSteps = inputSteps
        self.inputFeatures = inputFeatures
        self.outputSteps = outputSteps
        self.outputFeatures = outputFeatures
    }

    /// Numbers of one row of inputs.
    package var inputCount: Int { inputSteps * inputFeatures }
    /// Numbers of one row of outputs.
    package var outputCount: Int { outputSteps * outputFeatures }

    /// The number of rows to process at once: `wanted`, or fewer where rows are long, to bound the memory.
    func batchRows(_ wanted: Int) -> Int { max(1, min(wanted, (1 << 21) / (inputCount + outputCount))) }

    /// The number of rows in an array of scaled inputs. Throws `ModelFault.shapeMismatch` where it is not whole rows.
    func rows(_ inputs: [Double]) throws(ModelFault) -> Int {
        guard inputs.count % inputCount == 0 else {
            throw ModelFault(
                .shapeMismatch,
                "The model takes rows of \(inputSteps) steps × \(inputFeatures) features; "
                    + "\(inputs.count) numbers are not whole rows."
            )
        }
        return inputs.count / inputCount
    }
}

/// Computes forecasts: a trained model, or a baseline.
package protocol Forecaster: Sendable {
    var shape: ForecastShape { get }

    /// Maps rows of scaled inputs (n × I_N × F, flat, C order) to rows of scaled outputs (n × O_N × G).
    ///
    /// Throws `ModelFault.shapeMismatch` where the numbers are not whole rows.
    func predict(_ inputs: [Double]) throws(ModelFault) -> [Double]
}

/// A trained model, which can be saved.
package protocol ForecastModel: Forecaster {
    var mode: ForecastMode { get }

    /// Writes the model in the safetensors format, atomically and durably. Throws `FileFault`.
    func save(to url: URL) throws
}

/// The kinds of model (`MODE`); the raw values are part of the API.
package enum ForecastMode: String, Codable, Sendable, CaseIterable {
    case linear = "LIN"
    case dense = "Dense"
    case convolution = "CNN"
    case recurrent = "LSTM"
    case autoregressiveRecurrent = "AR LSTM"
    case supportVectorDirect = "SVR_dir"
    case supportVectorMultiple = "SVR_MIMO"
    case boostedTrees = "LGBMR"

    /// All modes.
    package static var all: [ForecastMode] { allCases }
    /// The modes that can be trained.
    package static var available: [ForecastMode] { [.linear, .dense] }
    /// Whether the mode can be trained.
    package var isAvailable: Bool { Self.available.contains(self) }

    /// Reads a model and validates every number of the file.
    ///
    /// Throws `ModelFault.damagedFile` for a file that `save` has not written, `FileFault` for I/O errors.
    package static func load(from url: URL) throws -> any ForecastModel {
        let file = try Safetensors(contentsOf: url)
        guard file.metadata["format"] == Safetensors.format, let mode = file.metadata["mode"].flatMap(ForecastMode.init)
        else {
            throw ModelFault(.damagedFile, "The file is not a model of this format.")
        }
        switch mode {
        case .linear: return try LinearModel(file)
        case .dense: return try DenseModel(file)
        default: throw ModelFault(.modeNotAvailable, "A \(mode.rawValue) model cannot be read by this version.")
        }
    }
}

/// The parameters of a training run.
package struct ForecastParameters: Codable, Sendable, Equatable {
    /// ACTF: the activation function. `none` is the same as `linear`.
    package enum Activation: String, Codable, Sendable, CaseIterable {
        case relu = "ReLU"
        case sigmoid = "Sigmoid"
        case tanh = "Tanh"
        case linear = "Linear"
        case softmax = "Softmax"
        case none = "None"
    }

    /// The kind of model.
    package var mode: ForecastMode
    /// LAY, 1 to 16.
    package var layers: Int
    /// N, 1 to 4096 a layer.
    package var neurons: Int
    /// EP: the largest number of epochs, 1 to 2000.
    package var epochs: Int
    /// ACTF
    package var activation: Activation
    /// Determines the initial weights and the order of the datasets.
    package var seed: UInt64

    /// The defaults of the API: 3 layers of 512, at most 20 epochs, ReLU.
    package init(
        _ mode: ForecastMode, layers: Int = 3, neurons: Int = 512, epochs: Int = 20, activation: Activation = .relu,
        seed: UInt64 = 42
    ) {
        self.mode = mode
        self.layers = layers
        self.neurons = neurons
        self.epochs = epochs
        self.activation = activation
        self.seed = seed
    }

    /// The largest number of weights and biases of a network.
    package static let parametersMax = 50_000_000

    /// Whether datasets of this shape can be trained on; reads no data.
    ///
    /// Throws `ModelFault`: `modeNotAvailable`, `invalidParameter` (with the field), `stepsDiffer`,
    /// `tooManyParameters`.
    package func validate(for shape: ForecastShape) throws(ModelFault) {
        switch mode {
        case .linear:
            guard shape.inputSteps == shape.outputSteps else {
                throw ModelFault(
                    .stepsDiffer,
                    "LIN forecasts each step from the same step of the inputs, "
                        + "so it needs as many input steps (\(shape.inputSteps)) as output steps (\(shape.outputSteps)). "
                        + "Make them equal, or use Dense."
                )
            }
        case .dense:
            guard (1...16).contains(layers) else {
                throw ModelFault(.invalidParameter, "The number of layers is 1 to 16.", field: "/layers")
            }
            guard (1...4096).contains(neurons) else {
                throw ModelFault(.invalidParameter, "The number of neurons is 1 to 4096.", field: "/neurons")
            }
            guard (1...2000).contains(epochs) else {
                throw ModelFault(.invalidParameter, "The number of epochs is 1 to 2000.", field: "/epochs")
            }
            let count = DenseNetwork(shape: shape, parameters: self).parameterCount
            guard count <= Self.parametersMax else {
                throw ModelFault(
                    .tooManyParameters,
                    "The network would have \(count) parameters; the limit is \(Self.parametersMax). "
                        + "Use fewer neurons, layers or steps."
                )
            }
        default:
            let names = ForecastMode.available.map(\.rawValue).joined(separator: ", ")
            throw ModelFault(
                .modeNotAvailable, "\(mode.rawValue) is not available. Use one of \(names).", field: "/mode")
        }
    }

    /// Trains a model on the training part of the datasets.
    ///
    /// `epochEnded` is called after every epoch (LIN has none), and `checkCancellation` often; an error of either ends
    /// the training. Throws `ModelFault` as `validate` does, `emptyPart` without training data, `diverged` where
    /// numbers are no longer finite.
    package func train(
        on dataset: Dataset,
        epochEnded: (EpochReport) throws -> Void = { _ in },
        checkCancellation: () throws -> Void = {}
    ) throws -> any ForecastModel {
        try validate(for: dataset.shape)
        switch mode {
        case .linear: return try LinearModel.train(on: dataset, checkCancellation: checkCancellation)
        default:
            return try DenseModel.train(
                on: dataset, parameters: self, epochEnded: epochEnded, checkCancellation: checkCancellation)
        }
    }
}

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
