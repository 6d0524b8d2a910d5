import Base

/// The price of a pool every ten minutes: at each step the last price at or before it.
struct PriceGrid: Sendable {
    /// The number of the first step: its time ÷ ten minutes.
    let first: Int
    /// US dollars an hour, without gaps.
    let prices: [Double]

    static let step = Duration.minutes(10).microseconds

    /// Steps of seven days, twelve hours, six hours and one hour.
    static let week = 1_008
    static let horizon = 72
    static let window = 36
    static let hour = 6

    var steps: Range<Int> { first..<first + prices.count }

    /// - Parameters:
    ///   - points: in the order of time, not empty.
    ///   - last: the last step. Prices are carried forward to it, but not beyond ``PriceHistory/gapMax``.
    init?(_ points: [PricePoint], through last: Int) {
        guard let start = points.first else { return nil }
        first = Self.step(atOrAfter: start.time)
        guard first <= last else { return nil }
        var (prices, next, step) = ([Double](), 0, first)
        while step <= last {
            let time = Int64(step) * Self.step
            while next < points.count, points[next].time.microseconds <= time { next += 1 }
            guard time - points[next - 1].time.microseconds <= PriceHistory.gapMax.microseconds else { break }
            prices.append(points[next - 1].price.microdollarsInDollars)
            step += 1
        }
        self.prices = prices
    }

    static func step(atOrAfter time: Instant) -> Int { Int(-(-time.microseconds).quotient(flooredBy: step)) }

    static func step(atOrBefore time: Instant) -> Int { Int(time.microseconds.quotient(flooredBy: step)) }

    /// The price relative to the lowest and the highest one of the last seven days, 0 to 1.
    func positions() -> [Double] {
        var (lows, highs) = (SlidingExtreme(<=), SlidingExtreme(>=))
        return prices.indices.map { index in
            let price = prices[index]
            let low = lows.add(price, at: index, window: Self.week)
            let high = highs.add(price, at: index, window: Self.week)
            return min(max((price - low) / (high - low + Self.epsilon), 0), 1)
        }
    }

    private static let epsilon = 1e-9
}

/// The minimum or maximum of the last values, in constant time for each.
private struct SlidingExtreme {
    private var queue: [(index: Int, value: Double)] = []
    private var head = 0
    private let precedes: (Double, Double) -> Bool

    init(_ precedes: @escaping (Double, Double) -> Bool) { self.precedes = precedes }

    mutating func add(_ value: Double, at index: Int, window: Int) -> Double {
        while queue.count > head, precedes(value, queue[queue.count - 1].value) { queue.removeLast() }
        queue.append((index, value))
        while queue[head].index <= index - window { head += 1 }
        return queue[head].value
    }
}
