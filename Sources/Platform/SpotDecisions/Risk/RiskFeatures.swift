package import Base
import Foundation

/// Computes the features of pools from their prices, on a grid of ten minutes. A row depends on prices at or before its
/// time alone.
package struct RiskFeatures: Sendable {
    /// The pools that have features, sorted: those with a known type and price on demand.
    package let pools: [SpotPool]
    /// The pools of the history that have none.
    package let skipped: [SpotPool]
    private let series: [SpotPool: Series]

    private struct Series: Sendable {
        let grid: PriceGrid
        let positions: [Double]
        /// US dollars an hour.
        let onDemand: Double
        /// Larger types of the family in the same zone.
        var siblings: [SpotPool] = []
    }

    /// - Parameters:
    ///   - end: the grid ends at or before it.
    ///   - onDemandPrice: of a pool, in millionths of a US dollar an hour; nil where it is not known.
    package init(
        _ history: PriceHistory, through end: Instant, types: InstanceTypes = .embedded,
        onDemandPrice: (SpotPool) -> Int64? = {
            InstanceTypes.embedded[$0.instanceType]?.onDemandPrice(near: $0.region)?.price
        }
    ) {
        let last = PriceGrid.step(atOrBefore: end)
        var (series, skipped) = ([SpotPool: Series](), [SpotPool]())
        for (pool, points) in history.prices {
            guard types[pool.instanceType] != nil, let onDemand = onDemandPrice(pool), onDemand > 0,
                let grid = PriceGrid(points, through: last)
            else {
                skipped.append(pool)
                continue
            }
            series[pool] = Series(
                grid: grid, positions: grid.positions(), onDemand: onDemand.microdollarsInDollars)
        }
        let families = Dictionary(grouping: series.keys) { "\($0.family)@\($0.availabilityZone)" }
        for members in families.values {
            for pool in members {
                let size = types[pool.instanceType]?.hardware.size ?? (0, 0)
                series[pool]?.siblings = members.filter { (types[$0.instanceType]?.hardware.size ?? (0, 0)) > size }
                    .sorted()
            }
        }
        self.series = series
        self.skipped = skipped.sorted()
        pools = series.keys.sorted()
    }

    /// The steps of a pool that have all features: the first six hours have no volatility.
    func steps(of pool: SpotPool) -> Range<Int> {
        guard let steps = series[pool]?.grid.steps, steps.count >= PriceGrid.window else { return 0..<0 }
        return steps.lowerBound + PriceGrid.window - 1..<steps.upperBound
    }

    /// The features of a pool at a time, in the order of ``RiskFeature``.
    /// - Returns: nil before six hours of prices, and after the last one.
    package func row(of pool: SpotPool, at time: Instant) -> [Double]? {
        let step = PriceGrid.step(atOrBefore: time)
        guard let series = series[pool], steps(of: pool).contains(step) else { return nil }
        var row: [Double] = []
        append(series, step, to: &row)
        return row
    }

    /// The features of all times that have them, row-major, with the first of these times; ten minutes lie between two
    /// rows.
    package func rows(of pool: SpotPool) -> (start: Instant, values: [Double]) {
        let steps = steps(of: pool)
        return (Instant(microseconds: Int64(steps.lowerBound) * PriceGrid.step), rows(of: pool, steps))
    }

    /// Whether the price rises by more than 3 % within the next twelve hours, for each of ``rows(of:)``; nil where the
    /// prices end before.
    package func labels(of pool: SpotPool) -> [Bool?] { labels(of: pool, steps(of: pool)) }

    /// The rows of all steps in a range, row-major.
    func rows(of pool: SpotPool, _ range: Range<Int>) -> [Double] {
        guard let series = series[pool] else { return [] }
        var rows: [Double] = []
        rows.reserveCapacity(range.count * RiskFeature.allCases.count)
        for step in range { append(series, step, to: &rows) }
        return rows
    }

    /// The labels of steps, from prices of this pool alone: the prices of another pool never count.
    func labels(of pool: SpotPool, _ range: Range<Int>) -> [Bool?] {
        guard let grid = series[pool]?.grid else { return [] }
        return range.map { step in
            let index = step - grid.first
            guard index >= 0, index + PriceGrid.horizon < grid.prices.count else { return nil }
            let highest = grid.prices[index + 1...index + PriceGrid.horizon].max() ?? 0
            return highest > Self.rise * grid.prices[index]
        }
    }

    private static let rise = 1.03

    private func append(_ series: Series, _ step: Int, to row: inout [Double]) {
        let index = step - series.grid.first
        let prices = series.grid.prices
        let price = prices[index]
        let window = prices[index - PriceGrid.window + 1...index]
        let mean = window.reduce(0, +) / Double(PriceGrid.window)
        // The sum of squares around the first price is exact for a constant price.
        let shifted = window.map { $0 - window[window.startIndex] }
        let shift = shifted.reduce(0, +) / Double(PriceGrid.window)
        let squares = shifted.reduce(0) { $0 + ($1 - shift) * ($1 - shift) }
        let deviation = (squares / Double(PriceGrid.window - 1)).squareRoot()
        var (sum, highest, count) = (0.0, 0.0, 0)
        for sibling in series.siblings {
            guard let other = self.series[sibling], other.grid.steps.contains(step) else { continue }
            let position = other.positions[step - other.grid.first]
            sum += position
            highest = max(highest, position)
            count += 1
        }
        let minutes = (Int64(step) * PriceGrid.step).quotient(flooredBy: 60_000_000)
        let hour = (minutes.quotient(flooredBy: 60)).remainder(flooredBy: 24)
        let weekday = CivilDate.weekday(dayNumber: minutes.quotient(flooredBy: 1_440))
        let angle = 2 * Double.pi * Double(hour) / 24
        row += [
            series.positions[index],
            price / prices[index - PriceGrid.hour] - 1,
            deviation,
            deviation / mean,
            min(max(1 - price / series.onDemand, 0), 1),
            count > 0 ? sum / Double(count) : 0,
            highest,
            sin(angle),
            cos(angle),
            weekday == 0 || weekday == 6 ? 1 : 0,
            (9..<17).contains(hour) ? 1 : 0,
        ]
    }
}

extension Hardware {
    /// Types of a family are ordered by processors, and those with equal ones by memory.
    fileprivate var size: (Int, Int) { (vcpus, memoryMiB) }
}
