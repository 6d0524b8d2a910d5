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
                        + "so it needs as many input steps (\(shape.inputSteps)) "
                        + "as output steps (\(shape.outputSteps)). "
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
    /// `epochEnded` is called after every epoch (LIN has none), `progress` several times within it with its number and
    /// the fraction done, and `checkCancellation` before every batch; an error of any of them ends the training. Throws
    /// `ModelFault` as `validate` does, `emptyPart` without training data, `diverged` where numbers are no longer
    /// finite.
    package func train(
        on dataset: Dataset,
        epochEnded: (EpochReport) throws -> Void = { _ in },
        progress: (_ epoch: Int, _ fraction: Double) throws -> Void = { _, _ in },
        checkCancellation: () throws -> Void = {}
    ) throws -> any ForecastModel {
        try validate(for: dataset.shape)
        return try Processor.flushingDenormals { () -> any ForecastModel in
            switch mode {
            case .linear: return try LinearModel.train(on: dataset, checkCancellation: checkCancellation)
            default:
                return try DenseModel.train(
                    on: dataset, parameters: self, epochEnded: epochEnded, progress: progress,
                    checkCancellation: checkCancellation)
            }
        }
    }
}
