/// The marks of an axis and what is written at them.
struct Ticks: Hashable, Sendable {
    struct Mark: Hashable, Sendable {
        let value: Double
        let label: String
        /// A second line, where what it says changes: the day above which hours pass.
        var context: String?
    }

    var marks: [Mark]
    /// What all labels are to be multiplied with, such as `×10⁶`.
    var factor: String?

    static let none = Ticks(marks: [], factor: nil)
}
