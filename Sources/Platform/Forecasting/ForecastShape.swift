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
