/// How the times of a file are written.
enum TimeForm: Equatable {
    /// Dates with separators.
    case calendar(DateOrder)
    /// Dates with separators in one column, and the time of day in another.
    case calendarAndClock(DateOrder)
    /// As `calendarAndClock`, with a whole hour in the other column.
    case calendarAndHour(DateOrder)
    /// `YYYYMMDD` to `YYYYMMDDhhmmss`.
    case compact
    /// A number of seconds since 1970, or of thousandths, millionths or billionths.
    case epoch(perSecond: Double)
    /// Days since 1899-12-30, as spreadsheets count.
    case serial

    /// The units of `epoch`.
    static let epochUnits = [1.0, 1e3, 1e6, 1e9]
    /// Seconds since 1970 that may be a time: 1973 to 2128.
    private static let epochRange = 1e8..<5e9
    /// Days that may be a time: 1954 to 2119.
    private static let serialRange = 20_000.0..<80_000.0
    private static let serialOf1970 = 25_569.0

    /// The time of a row, with the layout of the text; nil where it has none in this form.
    func stamp(_ text: UnsafeBufferPointer<UInt8>, clock: UnsafeBufferPointer<UInt8>? = nil) -> TimestampParser.Stamp? {
        switch self {
        case .calendar(let order):
            return TimestampParser.calendar(text, order: order)
        case .calendarAndClock(let order):
            guard var stamp = TimestampParser.calendar(text, order: order), let clock,
                let time = TimestampParser.clock(clock)
            else { return nil }
            stamp.wall += time.seconds
            stamp.microseconds = time.microseconds
            stamp.layout.hasTime = true
            stamp.layout.hasSeconds = time.hasSeconds
            stamp.layout.hasFraction = time.hasFraction
            stamp.layout.hasHalfDays = time.hasHalfDays
            return stamp
        case .calendarAndHour(let order):
            guard var stamp = TimestampParser.calendar(text, order: order), let clock,
                let hour = NumberParser.plain(clock), hour.rounded() == hour, (0...24).contains(hour)
            else { return nil }
            stamp.wall += Int(hour) * 3600
            stamp.layout.hasTime = true
            return stamp
        case .compact:
            return TimestampParser.compact(text)
        case .epoch(let perSecond):
            guard let number = NumberParser.plain(text), Self.epochRange.contains(number / perSecond) else {
                return nil
            }
            return Self.stamp(microseconds: Int((number * (1e6 / perSecond)).rounded()))
        case .serial:
            guard let days = NumberParser.plain(text), Self.serialRange.contains(days) else { return nil }
            // Spreadsheets write few decimals, so the time is that of the nearest second.
            return Self.stamp(microseconds: Int(((days - Self.serialOf1970) * 86_400).rounded()) * 1_000_000)
        }
    }

    /// The format for the report; `text` is the first time.
    func format(_ stamp: TimestampParser.Stamp, _ text: UnsafeBufferPointer<UInt8>) -> String {
        switch self {
        case .calendar, .calendarAndClock, .calendarAndHour: stamp.layout.description
        case .compact: TimestampParser.compactFormat(digits: text.count)
        case .epoch(let perSecond):
            switch perSecond {
            case 1: "seconds since 1970"
            case 1e3: "milliseconds since 1970"
            case 1e6: "microseconds since 1970"
            default: "nanoseconds since 1970"
            }
        case .serial: "days since 1899-12-30"
        }
    }

    private static func stamp(microseconds: Int) -> TimestampParser.Stamp {
        let seconds = CivilTime.floorDivide(microseconds, 1_000_000)
        return TimestampParser.Stamp(
            wall: seconds, microseconds: microseconds - seconds * 1_000_000, offset: nil,
            layout: TimestampParser.Layout(separator: nil))
    }

    /// Whether the times are in UTC whatever the time zone of the file is.
    var isUTC: Bool { if case .epoch = self { true } else { false } }

    /// The order of day and month; nil where the form has none.
    var order: DateOrder? {
        switch self {
        case .calendar(let order), .calendarAndClock(let order), .calendarAndHour(let order): order
        case .compact, .epoch, .serial: nil
        }
    }

    func with(_ order: DateOrder) -> TimeForm {
        switch self {
        case .calendar: .calendar(order)
        case .calendarAndClock: .calendarAndClock(order)
        case .calendarAndHour: .calendarAndHour(order)
        case .compact, .epoch, .serial: self
        }
    }
}
