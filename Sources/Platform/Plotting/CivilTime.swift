import Base

/// A moment on the Gregorian calendar in UTC.
struct CivilTime: Hashable {
    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    static let monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    init(_ secondsSince1970: Double) {
        let seconds = Int(secondsSince1970.rounded(.down))
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let clock = seconds - days * 86_400
        (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60)

        let date = CivilDate(dayNumber: Int64(days))
        (year, month, day) = (Int(date.year), Int(date.month), Int(date.day))
    }

    /// - Parameter month: counted from January of the year 0.
    /// - Returns: its first second, since 1970.
    static func start(ofMonth month: Int) -> Double {
        let year = Int64(month).quotient(flooredBy: 12)
        let days = CivilDate.dayNumber(year: year, month: Int64(month) - year * 12 + 1, day: 1)
        return Double(days) * 86_400
    }
}
