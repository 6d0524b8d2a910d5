import Foundation

/// The layers of a dense network, and its forward and backward passes in Float32.
///
/// The parameters are one array: for each layer its weights (inputs × units, row-major) and then its biases.
struct DenseNetwork: Sendable, Equatable {
    struct Layer: Sendable, Equatable {
        let inputs: Int
        let units: Int
        let activation: ForecastParameters.Activation
        /// The index of the layer's first parameter.
        let weights: Int
        let biases: Int
    }

    let layers: [Layer]
    let parameterCount: Int

    init(shape: ForecastShape, parameters: ForecastParameters) {
        self.init(
            inputs: shape.inputCount,
            layers: parameters.layers,
            neurons: parameters.neurons,
            outputs: shape.outputCount,
            activation: parameters.activation
        )
    }

    init(inputs: Int, layers count: Int, neurons: Int, outputs: Int, activation: ForecastParameters.Activation) {
        var layers: [Layer] = []
        var offset = 0
        func append(inputs: Int, units: Int, activation: ForecastParameters.Activation) {
            layers.append(
                Layer(
                    inputs: inputs, units: units, activation: activation, weights: offset,
                    biases: offset + inputs * units))
            offset += (inputs + 1) * units
        }
        for index in 0..<count { append(inputs: index == 0 ? inputs : neurons, units: neurons, activation: activation) }
        append(inputs: neurons, units: outputs, activation: .linear)
        self.layers = layers
        parameterCount = offset
    }

    var inputs: Int { layers[0].inputs }
    var outputs: Int { layers[layers.count - 1].units }

    /// Glorot-uniform weights and zero biases. The last layer is zero, so that training starts from a forecast of zero.
    func initialParameters(_ generator: inout SeededGenerator) -> [Float] {
        var parameters = [Float](repeating: 0, count: parameterCount)
        for layer in layers.dropLast() {
            let limit = (6 / Float(layer.inputs + layer.units)).squareRoot()
            for index in layer.weights..<layer.biases {
                parameters[index] = (2 * Float(generator.fraction()) - 1) * limit
            }
        }
        return parameters
    }
}
