import Foundation

/// Collects the extremes of a stream of values, and a random sample of fixed size (Li's algorithm L).
struct DistributionSampler {
    static let sampleMax = 10_000
    static let positions = 100

    private var generator: SeededGenerator
    private var sample: [Double] = []
    private var count = 0
    private var minimum = Double.infinity
    private var maximum = -Double.infinity
    /// Whether all values are finite, and the distance of the extremes too: a column can be scaled only then.
    var isFinite: Bool { !hasOther && (count == 0 || (maximum - minimum).isFinite) }
    private var hasOther = false
    /// The index of the next value that enters the sample.
    private var next = 0
    private var weight = 1.0

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func add(_ value: Double) {
        if value < minimum { minimum = value }
        if value > maximum { maximum = value }
        if !value.isFinite { hasOther = true }
        if sample.count < Self.sampleMax {
            sample.append(value)
            if sample.count == Self.sampleMax { skip() }
        } else if count == next {
            sample[generator.number(below: Self.sampleMax)] = value
            skip()
        }
        count += 1
    }

    /// Draws the number of values to skip before the next one enters.
    private mutating func skip() {
        weight *= exp(log(1 - generator.fraction()) / Double(Self.sampleMax))
        let gap = (log(1 - generator.fraction()) / log1p(-weight)).rounded(.down)
        next = count + 1 + (gap < 1e15 ? Int(gap) : 1 << 50)
    }

    func distribution(_ name: String) -> Distribution {
        let sorted = sample.sorted()
        guard let lowest = sorted.first, let highest = sorted.last else {
            return Distribution(
                name: name, count: 0, minimum: 0, maximum: 0, firstQuartile: 0, median: 0, thirdQuartile: 0,
                positions: [], density: [])
        }
        func quantile(_ fraction: Double) -> Double {
            let position = fraction * Double(sorted.count - 1)
            let low = Int(position)
            let high = min(low + 1, sorted.count - 1)
            return sorted[low] + (sorted[high] - sorted[low]) * (position - Double(low))
        }
        var result = Distribution(
            name: name,
            count: count,
            minimum: minimum,
            maximum: maximum,
            firstQuartile: quantile(0.25),
            median: quantile(0.5),
            thirdQuartile: quantile(0.75),
            positions: [],
            density: []
        )
        guard highest > lowest, (maximum - minimum).isFinite else { return result }
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        let deviation = (sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sorted.count - 1)).squareRoot()
        let spread = (result.thirdQuartile - result.firstQuartile) / 1.34
        let bandwidth = 0.9 * (spread > 0 ? min(deviation, spread) : deviation) * pow(Double(sorted.count), -0.2)
        guard bandwidth > 0, bandwidth.isFinite else { return result }
        let step = (maximum - minimum) / Double(Self.positions - 1)
        let positions = (0..<Self.positions).map { minimum + Double($0) * step }
        let density = Self.density(of: sorted, at: positions, bandwidth: bandwidth)
        // Of values near the smallest number the density is above the largest.
        guard density.allSatisfy(\.isFinite) else { return result }
        (result.positions, result.density) = (positions, density)
        return result
    }

    private static func density(of sorted: [Double], at positions: [Double], bandwidth: Double) -> [Double] {
        let scale = 1 / (Double(sorted.count) * bandwidth * (2 * .pi).squareRoot())
        return sorted.withUnsafeBufferPointer { sorted in
            // Beyond eight bandwidths a kernel is below 1e-14 of its height. The window advances with the positions.
            var first = 0
            return positions.map { position in
                while first < sorted.count, sorted[first] < position - 8 * bandwidth { first += 1 }
                var sum = 0.0
                var index = first
                while index < sorted.count, sorted[index] <= position + 8 * bandwidth {
                    let distance = (sorted[index] - position) / bandwidth
                    sum += exp(-0.5 * distance * distance)
                    index &+= 1
                }
                return sum * scale
            }
        }
    }
}
