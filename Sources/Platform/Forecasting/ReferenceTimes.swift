/// The reference times of datasets.
///
/// The first candidate is the hour of the start of the overlap of all input series, minus one hour, plus the offset;
/// the others follow at the step. Those within the overlap count.
struct ReferenceTimes {
    let count: Int
    private let first: Int64
    private let step: Int64

    init(_ inputs: [Series], steps: DatasetRecipe.Steps) {
        self.init(from: inputs.map(\.first).max() ?? 0, to: inputs.map(\.last).min() ?? 0, steps: steps)
    }

    /// - Parameters:
    ///   - start: the latest first time of the input series, in microseconds since 1970.
    ///   - end: the earliest last time of them.
    init(from start: Int64, to end: Int64, steps: DatasetRecipe.Steps) {
        let hour = CivilTime.microsecondsPerHour
        let step = Int64((steps.stepMinutes * Double(CivilTime.microsecondsPerMinute)).rounded())
        let floor = Int64(CivilTime.floorDivide(Int(start), Int(hour))) * hour
        let origin = floor - hour + Int64((steps.offsetMinutes * Double(CivilTime.microsecondsPerMinute)).rounded())
        let skipped = origin >= start ? 0 : (start - origin + step - 1) / step
        self.step = step
        first = origin + skipped * step
        count = first <= end ? Int((end - first) / step) + 1 : 0
    }

    subscript(index: Int) -> Int64 { first + Int64(index) * step }
}
