package import Foundation

/// LIN: each output is a weighted sum of the inputs of the same step plus a constant, by ordinary least squares.
///
/// A row of the system is a step of a dataset: the weights are the same for all steps, and inputs and outputs have the
/// same number of steps.
package struct LinearModel: ForecastModel {
    /// The shape of inputs and outputs; both have the same number of steps.
    package let shape: ForecastShape
    /// The weights, F × G, row-major.
    package let weights: [Double]
    /// The constants, G.
    package let intercepts: [Double]

    /// Always `linear`.
    package var mode: ForecastMode { .linear }

    /// The number of datasets read at once.
    private static let batchRows = 2048

    static func train(on dataset: Dataset, checkCancellation: () throws -> Void) throws -> LinearModel {
        let shape = dataset.shape
        let rows = dataset.rows(of: .train)
        guard !rows.isEmpty else { throw ModelFault(.emptyPart, "There are no datasets to train on.") }
        let system = LeastSquares(columns: shape.inputFeatures + 1, targets: shape.outputFeatures)
        var start = 0
        while start < rows.count {
            try checkCancellation()
            let batch = rows[start..<min(start + shape.batchRows(batchRows), rows.count)]
            let inputs = dataset.scaledInputs(batch)
            let outputs = dataset.scaledOutputs(batch)
            try inputs.withUnsafeBufferPointer { inputs in
                try outputs.withUnsafeBufferPointer { outputs in
                    guard let inputs = inputs.baseAddress, let outputs = outputs.baseAddress else { return }
                    for step in 0..<batch.count * shape.inputSteps {
                        try system.add(
                            inputs + step * shape.inputFeatures, targets: outputs + step * shape.outputFeatures)
                    }
                }
            }
            if let first = batch.first, let last = batch.last { dataset.release(rows: Int(first)..<Int(last)) }
            start = batch.endIndex
        }
        let solution = try system.solve()
        let weightCount = shape.inputFeatures * shape.outputFeatures
        return LinearModel(
            shape: shape, weights: Array(solution[..<weightCount]), intercepts: Array(solution[weightCount...]))
    }

    /// Predicts each step from the inputs of the same step.
    package func predict(_ inputs: [Double]) throws(ModelFault) -> [Double] {
        let steps = try shape.rows(inputs) * shape.inputSteps
        let outputs = shape.outputFeatures
        let features = shape.inputFeatures
        return [Double](unsafeUninitializedCapacity: steps * outputs) { result, count in
            inputs.withUnsafeBufferPointer { inputs in
                weights.withUnsafeBufferPointer { weights in
                    for step in 0..<steps {
                        for output in 0..<outputs {
                            var sum = intercepts[output]
                            var feature = 0
                            while feature < features {
                                sum += inputs[step &* features &+ feature] * weights[feature &* outputs &+ output]
                                feature &+= 1
                            }
                            result[step &* outputs &+ output] = sum
                        }
                    }
                }
            }
            count = steps * outputs
        }
    }

    /// Writes tensors `weights` and `intercepts` in F64. Throws `FileFault`.
    package func save(to url: URL) throws {
        try Safetensors(
            metadata: Safetensors.metadata(.linear, shape),
            tensors: [
                "weights": .init(shape: [shape.inputFeatures, shape.outputFeatures], values: .double(weights)),
                "intercepts": .init(shape: [shape.outputFeatures], values: .double(intercepts)),
            ]
        ).write(to: url)
    }

    init(shape: ForecastShape, weights: [Double], intercepts: [Double]) {
        self.shape = shape
        self.weights = weights
        self.intercepts = intercepts
    }

    init(_ file: Safetensors) throws(ModelFault) {
        shape = try file.shape()
        guard shape.inputSteps == shape.outputSteps else { throw Safetensors.damaged("its steps differ") }
        weights = try file.doubles("weights", shape: [shape.inputFeatures, shape.outputFeatures])
        intercepts = try file.doubles("intercepts", shape: [shape.outputFeatures])
    }
}
