import CCompute
import Foundation

/// The state of Adam: running means of the gradient and of its square (Kingma and Ba, with the constants of Keras).
final class AdamOptimiser {
    private let count: Int
    private let mean: UnsafeMutablePointer<Float>
    private let square: UnsafeMutablePointer<Float>
    private var steps = 0.0

    private static let rate = 0.001
    private static let decayOfMean = 0.9
    private static let decayOfSquare = 0.999
    private static let epsilon: Float = 1e-7

    init(count: Int) {
        self.count = count
        mean = .allocate(capacity: count)
        mean.initialize(repeating: 0, count: count)
        square = .allocate(capacity: count)
        square.initialize(repeating: 0, count: count)
    }

    deinit {
        mean.deallocate()
        square.deallocate()
    }

    func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        steps += 1
        let rate = Float(
            Self.rate * (1 - pow(Self.decayOfSquare, steps)).squareRoot() / (1 - pow(Self.decayOfMean, steps)))
        compute_adam(
            parameters, gradient, mean, square, count,
            compute_adam_step(
                rate: rate, keep_mean: Float(Self.decayOfMean), keep_square: Float(Self.decayOfSquare),
                epsilon: Self.epsilon),
            Processor.vectorLevel)
    }
}
