package import Foundation

/// What goes into a forecast and what comes out: I_N steps of F features, O_N steps of G outputs.
package struct ForecastShape: Codable, Sendable, Equatable {
    /// I_N
    package var inputSteps: Int
    /// F, time features among them.
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

    /// Numbers that go into one forecast.
    package var inputCount: Int { inputSteps * inputFeatures }
    /// Numbers that come out.
    package var outputCount: Int { outputSteps * outputFeatures }

    /// How many rows to hold at a time, so that long rows do not fill the memory: `wanted`, or fewer.
    func rowsAtATime(_ wanted: Int) -> Int { max(1, min(wanted, (1 << 21) / (inputCount + outputCount))) }

    /// How many rows an array of scaled inputs holds. Throws `ModelFault.shapeMismatch` if it is not whole rows.
    func rows(_ inputs: [Double]) throws(ModelFault) -> Int {
        guard inputs.count % inputCount == 0 else {
            throw ModelFault(
                .shapeMismatch,
                "The model takes rows of \(inputSteps) steps × \(inputFeatures) features; \(inputs.count) numbers are not whole rows."
            )
        }
        return inputs.count / inputCount
    }
}

/// Says what comes next: a trained model, or a rule to compare it with.
package protocol Forecaster: Sendable {
    var shape: ForecastShape { get }

    /// Rows of scaled inputs (n × I_N × F, flat, C order) to rows of scaled outputs (n × O_N × G).
    ///
    /// Throws `ModelFault.shapeMismatch` if the numbers are not whole rows.
    func predict(_ inputs: [Double]) throws(ModelFault) -> [Double]
}

/// A trained model, which can be kept.
package protocol ForecastModel: Forecaster {
    var mode: ForecastMode { get }

    /// Writes the model in the safetensors format; the file appears only when it is whole and on the disk. Throws `FileFault`.
    func save(to url: URL) throws
}

/// The kinds of model that clients know by name (MODE).
package enum ForecastMode: String, Codable, Sendable, CaseIterable {
    case linear = "LIN"
    case dense = "Dense"
    case convolution = "CNN"
    case recurrent = "LSTM"
    case autoregressiveRecurrent = "AR LSTM"
    case supportVectorDirect = "SVR_dir"
    case supportVectorMultiple = "SVR_MIMO"
    case boostedTrees = "LGBMR"

    /// All known modes.
    package static var all: [ForecastMode] { allCases }
    /// Those that can be trained.
    package static var available: [ForecastMode] { [.linear, .dense] }
    /// Whether it can be trained.
    package var isAvailable: Bool { Self.available.contains(self) }

    /// Reads a model back. Every number in the file is checked before it is believed.
    ///
    /// Throws `ModelFault.damagedFile` for a file that `save` did not write, `FileFault` where the disk refuses.
    package static func load(from url: URL) throws -> any ForecastModel {
        let file = try Safetensors(contentsOf: url)
        guard file.metadata["format"] == Safetensors.format, let mode = file.metadata["mode"].flatMap(ForecastMode.init)
        else {
            throw ModelFault(.damagedFile, "The file does not say that it holds a model of ours.")
        }
        switch mode {
        case .linear: return try LinearModel(file)
        case .dense: return try DenseModel(file)
        default: throw ModelFault(.modeNotAvailable, "A \(mode.rawValue) model cannot be read by this version.")
        }
    }
}

/// What a training run was asked for.
package struct ForecastParameters: Codable, Sendable, Equatable {
    /// ACTF: what a layer does to its sums. `none` is the same as `linear`.
    package enum Activation: String, Codable, Sendable, CaseIterable {
        case relu = "ReLU"
        case sigmoid = "Sigmoid"
        case tanh = "Tanh"
        case linear = "Linear"
        case softmax = "Softmax"
        case none = "None"
    }

    /// Which kind of model.
    package var mode: ForecastMode
    /// LAY, 1 to 16.
    package var layers: Int
    /// N, 1 to 4096 a layer.
    package var neurons: Int
    /// EP, at most so many epochs, 1 to 2000.
    package var epochs: Int
    /// ACTF
    package var activation: Activation
    /// The first weights and the order of the datasets follow from it.
    package var seed: UInt64

    /// The clients' defaults: 3 layers of 512, at most 20 epochs, ReLU.
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

    /// Weights and biases a network may have.
    package static let parametersMax = 50_000_000

    /// Whether datasets of this shape can be trained on, before anything is read.
    ///
    /// Throws `ModelFault`: `modeNotAvailable`, `invalidParameter` (with the field), `stepsDiffer`, `tooManyParameters`.
    package func validate(for shape: ForecastShape) throws(ModelFault) {
        switch mode {
        case .linear:
            guard shape.inputSteps == shape.outputSteps else {
                throw ModelFault(
                    .stepsDiffer,
                    "LIN forecasts each step from the same step of the inputs, so it needs as many input steps (\(shape.inputSteps)) "
                        + "as output steps (\(shape.outputSteps)). Make them equal, or take Dense."
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
                    "The network would have \(count) parameters; at most \(Self.parametersMax) are trained. Take fewer neurons, layers or steps."
                )
            }
        default:
            let names = ForecastMode.available.map(\.rawValue).joined(separator: ", ")
            throw ModelFault(
                .modeNotAvailable, "\(mode.rawValue) cannot be trained yet. Available are: \(names).", field: "/mode")
        }
    }

    /// Trains a model on the training part of the datasets.
    ///
    /// `epochEnded` hears of every epoch (LIN has none), and `checkCancellation` is called often; what either throws ends the training.
    /// Throws `ModelFault` as `validate` does, `emptyPart` without datasets to train on, `diverged` where numbers are no longer finite.
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

/// How training stands after an epoch.
package struct EpochReport: Codable, Sendable, Equatable {
    /// From 1.
    package var epoch: Int
    /// The most there will be.
    package var epochs: Int
    /// The mean squared error over the epoch's batches, scaled.
    package var loss: Double
    /// Over the validation part; nil without one.
    package var validationLoss: Double?
    /// The square root of `loss`.
    package var rmse: Double
    /// The square root of `validationLoss`.
    package var validationRMSE: Double?
    /// How long this epoch took.
    package var durationSeconds: Double
    /// If no epoch is saved by stopping early.
    package var secondsLeft: Double
}
