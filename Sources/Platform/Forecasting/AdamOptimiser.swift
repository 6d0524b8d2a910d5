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
        let keepMean = Float(Self.decayOfMean)
        let keepSquare = Float(Self.decayOfSquare)
        let epsilon = Self.epsilon
        var index = 0
        while index < count {
            let slope = gradient[index]
            let m = keepMean * mean[index] + (1 - keepMean) * slope
            let v = keepSquare * square[index] + (1 - keepSquare) * slope * slope
            mean[index] = m
            square[index] = v
            parameters[index] -= rate * m / (v.squareRoot() + epsilon)
            index &+= 1
        }
    }
}
