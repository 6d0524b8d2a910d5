/// An interval of numbers that can be drawn: not empty, and neither so narrow nor so wide that arithmetic on it fails.
struct Extent: Hashable, Sendable {
    let lower: Double
    let upper: Double

    /// Beyond this the difference of two numbers, or a margin, could overflow.
    static let magnitudeMax = 1e307
    /// Smaller values are treated as zero: the exponent of a tick step would underflow.
    static let magnitudeMin = 1e-290
    /// A narrower interval, relative to its values, is treated as one value: the width is within rounding errors.
    static let relativeWidthMin = 1e-9

    var width: Double { upper - lower }

    /// - Parameter margin: the space beyond either end, as a fraction of the width.
    /// - Returns: nil where none of the values is finite.
    init?(of values: some Sequence<Double>, margin: Double = 0) {
        var lower = Double.infinity
        var upper = -Double.infinity
        for value in values where value.isFinite {
            lower = min(lower, value)
            upper = max(upper, value)
        }
        guard lower <= upper else { return nil }
        self.init(lower, upper, margin: margin)
    }

    init(_ lower: Double, _ upper: Double, margin: Double = 0) {
        let lower = Self.bounded(lower)
        let upper = Self.bounded(upper)
        let magnitude = max(abs(lower), abs(upper))
        var padding = (upper - lower) * margin
        if magnitude < Self.magnitudeMin {
            padding = 1
        } else if upper - lower < magnitude * Self.relativeWidthMin {
            padding = magnitude / 10
        }
        self.lower = lower - padding
        self.upper = upper + padding
    }

    static func bounded(_ value: Double) -> Double { min(max(value, -magnitudeMax), magnitudeMax) }
}

/// Maps the values of an extent to positions on the page.
struct Scale {
    let extent: Extent
    let start: Double
    let end: Double

    func callAsFunction(_ value: Double) -> Double {
        start + (value - extent.lower) / extent.width * (end - start)
    }
}
