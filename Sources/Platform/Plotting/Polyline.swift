/// A line through data, broken at missing values and reduced to a drawable number of points: of dense points the first,
/// last, lowest and highest are kept, so that peaks remain.
struct Polyline {
    /// More than the number of pixel columns of a screen.
    static let pointsMax = 4_000

    /// Ascending in x; a single point is a segment too.
    private(set) var segments: [[Canvas.Point]] = []

    var points: some Sequence<Canvas.Point> { segments.lazy.joined() }

    /// - Parameters:
    ///   - x: positions; pairs whose x is not finite are omitted, and the longer array is truncated.
    ///   - y: values; a value that is not finite is missing.
    init(x: [Double], y: [Double], pointsMax: Int = Self.pointsMax) {
        let sampled = Self.thinned(Self.samples(x: x, y: y), pointsMax: pointsMax)
        var run: Int?
        for sample in sampled {
            if sample.run != run { segments.append([]) }
            segments[segments.count - 1].append(sample.point)
            run = sample.run
        }
    }

    /// A point, and the number of missing values before it: points with unequal numbers are not connected.
    private struct Sample {
        let point: Canvas.Point
        let run: Int
    }

    private static func samples(x: [Double], y: [Double]) -> [Sample] {
        var pairs = zip(x, y).filter { $0.0.isFinite }
        if !zip(pairs, pairs.dropFirst()).allSatisfy({ $0.0 <= $1.0 }) {
            // Ties are sorted by position, because the sort is not guaranteed to be stable.
            pairs = pairs.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }.map(\.element)
        }
        var missing = 0
        return pairs.compactMap { x, y in
            guard y.isFinite else {
                missing += 1
                return nil
            }
            return Sample(point: Canvas.Point(x: Extent.bounded(x), y: Extent.bounded(y)), run: missing)
        }
    }

    private static func thinned(_ samples: [Sample], pointsMax: Int) -> [Sample] {
        guard samples.count > pointsMax, let first = samples.first, let last = samples.last else { return samples }
        let extent = Extent(first.point.x, last.point.x)
        let columns = max(1, pointsMax / 4)
        let scale = Scale(extent: extent, start: 0, end: Double(columns))
        func column(_ index: Int) -> Int { min(Int(scale(samples[index].point.x)), columns - 1) }

        var kept: [Sample] = []
        var start = 0
        while start < samples.count {
            var (end, lowest, highest) = (start + 1, start, start)
            while end < samples.count, column(end) == column(start) {
                if samples[end].point.y < samples[lowest].point.y { lowest = end }
                if samples[end].point.y > samples[highest].point.y { highest = end }
                end += 1
            }
            kept += Set([start, lowest, highest, end - 1]).sorted().map { samples[$0] }
            start = end
        }
        return kept
    }
}
