import CLapack
import Foundation

/// The buffers of one pass through a network for at most `rowsMax` rows.
final class DensePass {
    private let network: DenseNetwork
    let rowsMax: Int
    /// The input rows.
    let inputs: UnsafeMutablePointer<Float>
    /// The outputs of each layer; in the backward pass, the derivative of the loss with respect to them.
    private let activations: [UnsafeMutablePointer<Float>]
    private let deltas: [UnsafeMutablePointer<Float>]
    private let ones: UnsafeMutablePointer<Float>

    init(_ network: DenseNetwork, rowsMax: Int, backwards: Bool) {
        Blas.useOneThread()
        self.network = network
        self.rowsMax = rowsMax
        func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
            let pointer = UnsafeMutablePointer<Float>.allocate(capacity: count)
            pointer.initialize(repeating: 0, count: count)
            return pointer
        }
        inputs = zeros(rowsMax * network.inputs)
        activations = network.layers.map { zeros(rowsMax * $0.units) }
        deltas = backwards ? network.layers.map { zeros(rowsMax * $0.units) } : []
        ones = zeros(rowsMax)
        ones.update(repeating: 1, count: rowsMax)
    }

    deinit {
        inputs.deallocate()
        for pointer in activations + deltas { pointer.deallocate() }
        ones.deallocate()
    }

    /// The output of the last layer: rows × outputs.
    var outputs: UnsafeMutablePointer<Float> { activations[activations.count - 1] }

    func forward(_ parameters: UnsafePointer<Float>, rows: Int) {
        for (index, layer) in network.layers.enumerated() {
            let output = activations[index]
            for row in 0..<rows {
                (output + row * layer.units).update(from: parameters + layer.biases, count: layer.units)
            }
            Blas.multiply(
                index == 0 ? inputs : activations[index - 1],
                parameters + layer.weights,
                rows: rows,
                inner: layer.inputs,
                columns: layer.units,
                into: output,
                adding: true
            )
            Self.activate(output, layer, rows: rows)
        }
    }

    /// The sum of squared errors of the rows of the last forward pass. With `backwards`, the gradient of their mean is
    /// prepared for `backward`.
    func squaredError(_ targets: UnsafePointer<Float>, rows: Int, backwards: Bool) -> Double {
        let count = rows * network.outputs
        let outputs = outputs
        let scale = 2 / Float(count)
        var sum = 0.0
        var index = 0
        if backwards {
            let delta = deltas[deltas.count - 1]
            while index < count {
                let error = outputs[index] - targets[index]
                sum += Double(error) * Double(error)
                delta[index] = error * scale
                index &+= 1
            }
        } else {
            while index < count {
                let error = Double(outputs[index] - targets[index])
                sum += error * error
                index &+= 1
            }
        }
        return sum
    }

    /// Computes the gradient of all parameters.
    func backward(_ parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, rows: Int) {
        for index in network.layers.indices.reversed() {
            let layer = network.layers[index]
            let delta = deltas[index]
            Self.deactivate(delta, outputs: activations[index], layer, rows: rows)
            let units = Int32(layer.units)
            Blas.multiply(
                index == 0 ? inputs : activations[index - 1],
                isLeftTransposed: true,
                delta,
                rows: layer.inputs,
                inner: rows,
                columns: layer.units,
                into: gradient + layer.weights
            )
            cblas_sgemv(
                CblasRowMajor, CblasTrans, Int32(rows), units, 1, delta, units, ones, 1, 0, gradient + layer.biases, 1)
            if index > 0 {
                Blas.multiply(
                    delta,
                    parameters + layer.weights,
                    isRightTransposed: true,
                    rows: rows,
                    inner: layer.units,
                    columns: layer.inputs,
                    into: deltas[index - 1]
                )
            }
        }
    }

    // The loops below use raw pointers and plain counters, which are many times faster than iterators in a debug build.

    private static func activate(_ values: UnsafeMutablePointer<Float>, _ layer: DenseNetwork.Layer, rows: Int) {
        let count = rows * layer.units
        var index = 0
        switch layer.activation {
        case .linear, .none:
            return
        case .relu:
            while index < count {
                if values[index] < 0 { values[index] = 0 }
                index &+= 1
            }
        case .sigmoid:
            while index < count {
                values[index] = 1 / (1 + expf(-values[index]))
                index &+= 1
            }
        case .tanh:
            while index < count {
                values[index] = tanhf(values[index])
                index &+= 1
            }
        case .softmax:
            for row in 0..<rows { softmax(values + row * layer.units, count: layer.units) }
        }
    }

    private static func softmax(_ values: UnsafeMutablePointer<Float>, count: Int) {
        var largest = values[0]
        var index = 1
        while index < count {
            if values[index] > largest { largest = values[index] }
            index &+= 1
        }
        var sum: Float = 0
        index = 0
        while index < count {
            values[index] = expf(values[index] - largest)
            sum += values[index]
            index &+= 1
        }
        cblas_sscal(Int32(count), 1 / sum, values, 1)
    }

    /// Converts the derivative with respect to a layer's outputs into that with respect to its sums.
    private static func deactivate(
        _ delta: UnsafeMutablePointer<Float>, outputs: UnsafePointer<Float>, _ layer: DenseNetwork.Layer, rows: Int
    ) {
        let count = rows * layer.units
        var index = 0
        switch layer.activation {
        case .linear, .none:
            return
        case .relu:
            while index < count {
                if outputs[index] <= 0 { delta[index] = 0 }
                index &+= 1
            }
        case .sigmoid:
            while index < count {
                delta[index] *= outputs[index] * (1 - outputs[index])
                index &+= 1
            }
        case .tanh:
            while index < count {
                delta[index] *= 1 - outputs[index] * outputs[index]
                index &+= 1
            }
        case .softmax:
            for row in 0..<rows {
                let start = row * layer.units
                let shared = cblas_sdot(Int32(layer.units), delta + start, 1, outputs + start, 1)
                index = start
                while index < start + layer.units {
                    delta[index] = outputs[index] * (delta[index] - shared)
                    index &+= 1
                }
            }
        }
    }
}
