import Forecasting

/// The time axis of a plot over the first datasets of the test part. Lines are broken between datasets that are not
/// consecutive, because those between them are not in the test part.
struct TestPartAxis: Sendable {
    let rows: [Int32]
    /// The reference times in seconds since 1970, with an additional element for each break.
    private let references: [Double]
    private let breaks: Set<Int>

    /// - Parameter limit: the largest number of datasets.
    init(_ dataset: Dataset, limit: Int) {
        rows = Array(dataset.rows(of: .test).prefix(limit))
        breaks = Set(rows.indices.dropFirst().filter { [rows] index in rows[index] != rows[index - 1] + 1 })
        let seconds = rows.map { Double(dataset.reference(Int($0))) / 1e6 }
        references = Self.spread(seconds, breaks, gap: { (seconds[$0 - 1] + seconds[$0]) / 2 })
    }

    /// The times that values are for, in seconds since 1970.
    /// - Parameter offset: from the reference time to the time of the values, in microseconds.
    func times(at offset: Int64) -> [Double] { references.map { $0 + Double(offset) / 1e6 } }

    /// One value for each dataset, and NaN for each break.
    func values(_ value: (_ index: Int) -> Double) -> [Double] {
        Self.spread(rows.indices.map(value), breaks, gap: { _ in .nan })
    }

    private static func spread(_ values: [Double], _ breaks: Set<Int>, gap: (Int) -> Double) -> [Double] {
        values.indices.flatMap { breaks.contains($0) ? [gap($0), values[$0]] : [values[$0]] }
    }
}
