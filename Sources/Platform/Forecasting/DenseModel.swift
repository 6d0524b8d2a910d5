package import Foundation

/// Dense: a feed-forward network over all input steps at once, trained by Adam with early stopping on the validation
/// loss.
package struct DenseModel: ForecastModel {
    /// The shape of inputs and outputs.
    package let shape: ForecastShape
    /// The parameters of the training.
    package let parameters: ForecastParameters
    /// For each layer its weights (inputs × units, row-major) and then its biases.
    package let weights: [Float]
    private let network: DenseNetwork

    /// Always `dense`.
    package var mode: ForecastMode { .dense }

    private static let batchRows = 32
    /// The number of epochs without a lower validation loss that ends the training.
    private static let patience = 2
    /// The number of batches between two reports of progress.
    private static let batchesPerReport = 16
    private static let predictionRows = 256

    static func train(
        on dataset: Dataset,
        parameters: ForecastParameters,
        epochEnded: (EpochReport) throws -> Void,
        progress: (_ epoch: Int, _ fraction: Double) throws -> Void,
        checkCancellation: () throws -> Void
    ) throws -> DenseModel {
        let shape = dataset.shape
        guard !dataset.rows(of: .train).isEmpty else {
            throw ModelFault(.emptyPart, "There are no datasets to train on.")
        }
        let network = DenseNetwork(shape: shape, parameters: parameters)
        var generator = SeededGenerator(seed: parameters.seed)
        var weights = network.initialParameters(&generator)
        var best = (loss: Double.infinity, weights: weights)
        let pass = DensePass(network, rowsMax: batchRows, backwards: true)
        let optimiser = AdamOptimiser(count: network.parameterCount)
        var gradient = [Float](repeating: 0, count: network.parameterCount)
        let validation = dataset.rows(of: .validation)
        var train = dataset.rows(of: .train)
        var epochsWithoutGain = 0
        var elapsed = 0.0
        let clock = ContinuousClock()

        for epoch in 1...parameters.epochs {
            let begin = clock.now
            generator.shuffle(&train)
            let loss = try weights.withUnsafeMutableBufferPointer { weights in
                try gradient.withUnsafeMutableBufferPointer { gradient in
                    guard let weights = weights.baseAddress, let gradient = gradient.baseAddress else {
                        return Double.nan
                    }
                    var batches = 0
                    let batchCount = (train.count + batchRows - 1) / batchRows
                    func check() throws {
                        try checkCancellation()
                        if batches % batchesPerReport == 0 { try progress(epoch, Double(batches) / Double(batchCount)) }
                        batches += 1
                    }
                    return try meanSquaredError(pass, weights, dataset: dataset, rows: train, check) { rows in
                        pass.backward(weights, gradient: gradient, rows: rows)
                        optimiser.step(weights, gradient: gradient)
                    }
                }
            }
            let validationLoss = try weights.withUnsafeBufferPointer { weights -> Double? in
                guard !validation.isEmpty, let weights = weights.baseAddress else { return nil }
                return try meanSquaredError(
                    pass, weights, dataset: dataset, rows: validation, checkCancellation, learn: nil)
            }
            guard loss.isFinite, validationLoss?.isFinite ?? true else {
                throw ModelFault(
                    .diverged,
                    "Training diverged in epoch \(epoch): the loss is not finite. "
                        + "Turn scaling on, or use fewer layers."
                )
            }
            let duration = Double((clock.now - begin) / .seconds(1))
            elapsed += duration
            try epochEnded(
                EpochReport(
                    epoch: epoch,
                    epochs: parameters.epochs,
                    loss: loss,
                    validationLoss: validationLoss,
                    rmse: loss.squareRoot(),
                    validationRMSE: validationLoss?.squareRoot(),
                    durationSeconds: duration,
                    secondsLeft: elapsed / Double(epoch) * Double(parameters.epochs - epoch)
                )
            )
            // Without a validation part the weights with the lowest training loss are kept, and all epochs are run.
            if validationLoss ?? loss < best.loss {
                best = (validationLoss ?? loss, weights)
                epochsWithoutGain = 0
            } else if validationLoss != nil {
                epochsWithoutGain += 1
                if epochsWithoutGain >= patience { break }
            }
        }
        guard best.weights.allSatisfy(\.isFinite) else {
            throw ModelFault(.diverged, "Training diverged: the weights are not finite. Turn scaling on.")
        }
        return DenseModel(shape: shape, parameters: parameters, weights: best.weights, network: network)
    }

    /// The mean squared error over rows in batches. `learn` is called after each batch, when its gradient is computed.
    private static func meanSquaredError(
        _ pass: DensePass,
        _ weights: UnsafePointer<Float>,
        dataset: Dataset,
        rows: [Int32],
        _ checkCancellation: () throws -> Void,
        learn: ((_ rows: Int) -> Void)?
    ) throws -> Double {
        var targets = [Float](repeating: 0, count: pass.rowsMax * dataset.shape.outputCount)
        var sum = 0.0
        var start = 0
        while start < rows.count {
            try checkCancellation()
            let batch = rows[start..<min(start + pass.rowsMax, rows.count)]
            convert(dataset.scaledInputs(batch), into: pass.inputs)
            targets.withUnsafeMutableBufferPointer { targets in
                guard let targets = targets.baseAddress else { return }
                convert(dataset.scaledOutputs(batch), into: targets)
                pass.forward(weights, rows: batch.count)
                sum += pass.squaredError(targets, rows: batch.count, backwards: learn != nil)
            }
            learn?(batch.count)
            start = batch.endIndex
        }
        return sum / Double(rows.count * dataset.shape.outputCount)
    }

    private static func convert(_ values: [Double], into target: UnsafeMutablePointer<Float>) {
        values.withUnsafeBufferPointer { convert($0, into: target) }
    }

    private static func convert(_ values: UnsafeBufferPointer<Double>, into target: UnsafeMutablePointer<Float>) {
        guard let source = values.baseAddress else { return }
        var index = 0
        while index < values.count {
            target[index] = Float(source[index])
            index &+= 1
        }
    }

    /// Predicts all steps at once, in Float32.
    package func predict(_ inputs: [Double]) throws(ModelFault) -> [Double] {
        let rows = try shape.rows(inputs)
        let pass = DensePass(network, rowsMax: min(Self.predictionRows, max(rows, 1)), backwards: false)
        let width = shape.outputCount
        return [Double](unsafeUninitializedCapacity: rows * width) { result, count in
            inputs.withUnsafeBufferPointer { inputs in
                weights.withUnsafeBufferPointer { weights in
                    guard let weights = weights.baseAddress, let result = result.baseAddress else { return }
                    var start = 0
                    while start < rows {
                        let batch = min(pass.rowsMax, rows - start)
                        Self.convert(
                            UnsafeBufferPointer(
                                rebasing: inputs[start * shape.inputCount..<(start + batch) * shape.inputCount]),
                            into: pass.inputs)
                        pass.forward(weights, rows: batch)
                        for index in 0..<batch * width {
                            (result + start * width + index).initialize(to: Double(pass.outputs[index]))
                        }
                        start += batch
                    }
                }
            }
            count = rows * width
        }
    }

    /// Writes tensors `layers.0.weight`, `layers.0.bias` … in F32, with the parameters as metadata. Throws `FileFault`.
    package func save(to url: URL) throws {
        var tensors: [String: Safetensors.Tensor] = [:]
        for (index, layer) in network.layers.enumerated() {
            tensors["layers.\(index).weight"] = .init(
                shape: [layer.inputs, layer.units], values: .float(Array(weights[layer.weights..<layer.biases])))
            tensors["layers.\(index).bias"] = .init(
                shape: [layer.units], values: .float(Array(weights[layer.biases..<layer.biases + layer.units])))
        }
        let metadata = [
            "layers": "\(parameters.layers)",
            "neurons": "\(parameters.neurons)",
            "activation": parameters.activation.rawValue,
            "epochs": "\(parameters.epochs)",
            "seed": "\(parameters.seed)",
        ]
        try Safetensors(metadata: Safetensors.metadata(.dense, shape, metadata), tensors: tensors).write(to: url)
    }

    private init(shape: ForecastShape, parameters: ForecastParameters, weights: [Float], network: DenseNetwork) {
        self.shape = shape
        self.parameters = parameters
        self.weights = weights
        self.network = network
    }

    init(_ file: Safetensors) throws(ModelFault) {
        let shape = try file.shape()
        guard let activation = file.metadata["activation"].flatMap(ForecastParameters.Activation.init),
            let seed = file.metadata["seed"].flatMap({ UInt64($0) })
        else { throw Safetensors.damaged("its activation or seed is missing") }
        let parameters = ForecastParameters(
            .dense,
            layers: try file.integer("layers", in: 1...16),
            neurons: try file.integer("neurons", in: 1...4096),
            epochs: try file.integer("epochs", in: 1...2000),
            activation: activation,
            seed: seed
        )
        try parameters.validate(for: shape)
        let network = DenseNetwork(shape: shape, parameters: parameters)
        var weights: [Float] = []
        for (index, layer) in network.layers.enumerated() {
            weights += try file.floats("layers.\(index).weight", shape: [layer.inputs, layer.units])
            weights += try file.floats("layers.\(index).bias", shape: [layer.units])
        }
        self.init(shape: shape, parameters: parameters, weights: weights, network: network)
    }
}
