/// The tick marks of an axis and their labels.
struct Ticks: Hashable, Sendable {
    struct Mark: Hashable, Sendable {
        let value: Double
        let label: String
        /// A second line of the label where it changes, such as the day of hours.
        var context: String?
    }

    var marks: [Mark]
    /// The factor of all labels, such as `×10⁶`.
    var factor: String?

    static let none = Ticks(marks: [], factor: nil)
}
