/// A stretch of the number line that can be drawn: never empty, and never so narrow or so wide that arithmetic on it fails.
struct Extent: Hashable, Sendable {
    let lower: Double
    let upper: Double

    /// Beyond this the difference of two numbers, and the margins, could overflow.
    static let magnitudeMax = 1e307
    /// Below this a column is as good as zero: a tick's step would run out of exponents.
    static let magnitudeMin = 1e-290
    /// A narrower stretch, relative to its numbers, is taken for one value: it is within the noise of summation.
    static let relativeWidthMin = 1e-9

    var width: Double { upper - lower }

    /// - Parameter margin: how much room to leave beyond either end, as a share of the width.
    /// - Returns: nil when none of the values is finite.
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
        var room = (upper - lower) * margin
        if magnitude < Self.magnitudeMin {
            room = 1
        } else if upper - lower < magnitude * Self.relativeWidthMin {
            room = magnitude / 10
        }
        self.lower = lower - room
        self.upper = upper + room
    }

    static func bounded(_ value: Double) -> Double { min(max(value, -magnitudeMax), magnitudeMax) }
}

/// Where the values of an extent stand on the page.
struct Scale {
    let extent: Extent
    let start: Double
    let end: Double

    func callAsFunction(_ value: Double) -> Double {
        start + (value - extent.lower) / extent.width * (end - start)
    }
}
