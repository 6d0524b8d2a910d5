import Forecasting

/// The horizontal line of a plot over the first datasets of the test part. Where datasets do not follow one another the line is broken,
/// because what lies between them was not tested.
struct TestPartLine: Sendable {
    let rows: [Int32]
    /// Seconds since 1970, with a place for each break.
    let times: [Double]
    private let breaks: Set<Int>

    /// - Parameter limit: how many datasets are shown.
    init(_ dataset: Dataset, limit: Int) {
        rows = Array(dataset.rows(of: .test).prefix(limit))
        breaks = Set(rows.indices.dropFirst().filter { [rows] index in rows[index] != rows[index - 1] + 1 })
        let seconds = rows.map { Double(dataset.reference(Int($0))) / 1e6 }
        times = Self.spread(seconds, breaks, gap: { (seconds[$0 - 1] + seconds[$0]) / 2 })
    }

    /// One value a dataset, with a missing one at each break.
    func values(_ value: (_ index: Int) -> Double) -> [Double] {
        Self.spread(rows.indices.map(value), breaks, gap: { _ in .nan })
    }

    private static func spread(_ values: [Double], _ breaks: Set<Int>, gap: (Int) -> Double) -> [Double] {
        values.indices.flatMap { breaks.contains($0) ? [gap($0), values[$0]] : [values[$0]] }
    }
}
