/// The baseline of all models: each output repeats the newest known value of its own series among the inputs.
package struct Persistence: Forecaster {
    /// The shape of the datasets.
    package let shape: ForecastShape
    private let columns: [Int?]
    private let inputScaler: Scaler
    private let outputScaler: Scaler

    /// Nil where no output's series is among the inputs.
    package init?(_ manifest: DatasetManifest) {
        guard manifest.persistence.contains(where: { $0 != nil }) else { return nil }
        columns = manifest.persistence
        shape = ForecastShape(
            inputSteps: manifest.inputSteps,
            inputFeatures: manifest.inputColumns.count,
            outputSteps: manifest.outputSteps,
            outputFeatures: manifest.outputColumns.count
        )
        inputScaler = manifest.inputScaler
        outputScaler = manifest.outputScaler
    }

    /// The last step of the output's own series, at every step; NaN for outputs whose series is not among the inputs.
    package func predict(_ inputs: [Double]) throws(ModelFault) -> [Double] {
        let rows = try shape.rows(inputs)
        var outputs = [Double](repeating: .nan, count: rows * shape.outputCount)
        for (output, input) in columns.enumerated() {
            guard let input else { continue }
            let from = inputScaler.columns[input]
            let to = outputScaler.columns[output]
            for row in 0..<rows {
                let last = inputs[row * shape.inputCount + (shape.inputSteps - 1) * shape.inputFeatures + input]
                // Input and output may have different scalings of the same series.
                let value = (last - from.shift) / from.factor + from.origin
                let scaled = (value - to.origin) * to.factor + to.shift
                for step in 0..<shape.outputSteps {
                    outputs[row * shape.outputCount + step * shape.outputFeatures + output] = scaled
                }
            }
        }
        return outputs
    }
}
