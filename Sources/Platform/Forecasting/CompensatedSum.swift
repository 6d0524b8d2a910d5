/// A compensated sum (Neumaier): samples can also be subtracted from it without accumulating rounding errors.
struct CompensatedSum {
    private(set) var count = 0
    private var sum = 0.0
    private var compensation = 0.0

    /// The mean of the finite values added; nil where there is none.
    var mean: Double? { count > 0 ? (sum + compensation) / Double(count) : nil }

    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        count += 1
        accumulate(value)
    }

    /// Subtracts a value that was added before.
    mutating func remove(_ value: Double) {
        guard value.isFinite else { return }
        count -= 1
        if count == 0 { (sum, compensation) = (0, 0) } else { accumulate(-value) }
    }

    private mutating func accumulate(_ value: Double) {
        let total = sum + value
        compensation += abs(sum) >= abs(value) ? (sum - total) + value : (value - total) + sum
        sum = total
    }
}
