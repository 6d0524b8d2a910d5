import Base

/// A day of every year.
struct YearDay: Hashable, Sendable {
    let month: Int
    let day: Int

    /// - Returns: nil for a day that no year has.
    init?(month: Int, day: Int) {
        // 2024 is a leap year.
        guard CivilDate(year: 2_024, month: Int64(month), day: Int64(day)) != nil else { return nil }
        (self.month, self.day) = (month, day)
    }
}
