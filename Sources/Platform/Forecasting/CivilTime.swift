import Base

/// The calendar of `CivilDate` with `Int`s, the integer type of the models' features.
enum CivilTime {
    static let secondsPerDay = 86_400
    static let microsecondsPerSecond: Int64 = 1_000_000
    static let microsecondsPerMinute: Int64 = 60_000_000
    static let microsecondsPerHour: Int64 = 3_600_000_000

    struct Date: Equatable {
        var year: Int
        var month: Int
        var day: Int
    }

    /// Days since 1970-01-01.
    static func days(year: Int, month: Int, day: Int) -> Int {
        Int(CivilDate.dayNumber(year: Int64(year), month: Int64(month), day: Int64(day)))
    }

    static func date(days: Int) -> Date {
        let date = CivilDate(dayNumber: Int64(days))
        return Date(year: Int(date.year), month: Int(date.month), day: Int(date.day))
    }

    static func isLeap(_ year: Int) -> Bool { CivilDate.isLeap(Int64(year)) }

    static func daysInMonth(year: Int, month: Int) -> Int {
        Int(CivilDate.days(inMonth: Int64(month), of: Int64(year)))
    }

    /// 0 on Monday … 6 on Sunday.
    static func weekday(days: Int) -> Int { Int(CivilDate.weekday(dayNumber: Int64(days) - 1)) }

    /// - Parameter divisor: positive.
    static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        Int(Int64(value).quotient(flooredBy: Int64(divisor)))
    }

    /// - Parameter divisor: positive.
    static func floorModulo(_ value: Int, _ divisor: Int) -> Int { value - floorDivide(value, divisor) * divisor }
}
