/// Upper bounds of what a generation of datasets or a training writes to disk, in bytes, known before it starts.
package enum StorageBound {
    /// The largest total size of the arrays of a generation; a larger one fails with `DatasetFault.tooLarge`.
    package static let arrayBytesMax: Int64 = 8 << 30
    /// The image and the entry of the manifest of a column.
    private static let columnBytes: Int64 = 128 << 10
    /// The headers of the arrays, the loss and the parts of the manifest that do not depend on columns.
    private static let fixedBytes: Int64 = 256 << 10

    /// The files of a generation: as if every reference time gave a dataset.
    /// - Parameter inputTimes: for each input the first and the last time of its series, in microseconds since 1970.
    package static func datasets(_ recipe: DatasetRecipe, inputTimes: [(first: Int64, last: Int64)]) -> Int64 {
        let times = ReferenceTimes(
            from: inputTimes.map(\.first).max() ?? 0, to: inputTimes.map(\.last).min() ?? 0, steps: recipe.steps)
        return datasets(
            count: times.count,
            ForecastShape(
                inputSteps: recipe.steps.inputSteps,
                inputFeatures: recipe.inputs.count + recipe.timeFeatures.columns.count,
                outputSteps: recipe.steps.outputSteps,
                outputFeatures: recipe.outputs.count
            )
        )
    }

    /// The files of a known number of datasets: for each a row of inputs, a row of outputs and a reference time.
    package static func datasets(count: Int, _ shape: ForecastShape) -> Int64 {
        Int64(count) * Int64(shape.inputCount + shape.outputCount + 1) * 8 + columns(of: shape)
    }

    /// The file of a model with its manifest and its plots.
    package static func model(_ parameters: ForecastParameters, _ shape: ForecastShape) -> Int64 {
        let numbers =
            switch parameters.mode {
            case .linear: (shape.inputFeatures + 1) * shape.outputFeatures * 8
            default: DenseNetwork(shape: shape, parameters: parameters).parameterCount * 4
            }
        return Int64(numbers) + columns(of: shape)
    }

    private static func columns(of shape: ForecastShape) -> Int64 {
        fixedBytes + Int64(shape.inputFeatures + shape.outputFeatures) * columnBytes
    }
}
