import Foundation

/// Computes the time features of a recipe for successive reference times.
struct TimeFeatureClock {
    private let features: [(feature: TimeFeatures.Feature, offsets: [Int64])]
    private let steps: Int
    private var zone: ZoneOffsets
    private var holidays: Holidays

    // Phases are computed from whole microseconds: those of equal times of day are equal to the last bit, so that such
    // a column is a constant and not rounding noise that a scaler would spread over its range.

    /// A mean length in seconds: a year is 365.25 days and a month a twelfth of it.
    private static func meanSeconds(_ component: TimeFeatures.Component) -> Int {
        switch component {
        case .year: 31_557_600
        case .month: 2_629_800
        case .week: 604_800
        case .day, .holiday: CivilTime.secondsPerDay
        }
    }

    init(_ timeFeatures: TimeFeatures, steps: Int) {
        self.steps = steps
        features = timeFeatures.features.map { feature in
            (feature, feature.form == .current ? [0] : feature.horizon.stamps(steps))
        }
        zone = ZoneOffsets(TimeZone(identifier: timeFeatures.timeZone) ?? .gmt)
        holidays = Holidays(timeFeatures.country)
    }

    /// Writes all features of a reference time into a row of `steps` × `stride` values, beginning at a column.
    mutating func fill(_ reference: Int64, row: UnsafeMutablePointer<Double>, stride: Int, column: Int) {
        var column = column
        for index in features.indices {
            let feature = features[index].feature
            let isPair = feature.component != .holiday
            for step in 0..<steps {
                let target = row + step * stride + column
                if step > 0, feature.form == .current {
                    target[0] = row[column]
                    if isPair { target[1] = row[column + 1] }
                    continue
                }
                let value = value(feature, at: reference + features[index].offsets[step])
                if isPair {
                    target[0] = sin(2 * .pi * value)
                    target[1] = cos(2 * .pi * value)
                } else {
                    target[0] = value
                }
            }
            column += isPair ? 2 : 1
        }
    }

    /// The elapsed fraction of the component's period, 0 to 1; for a holiday 1 or 0.
    private mutating func value(_ feature: TimeFeatures.Feature, at stamp: Int64) -> Double {
        if !feature.isLocal, feature.component != .holiday {
            let period = Self.meanSeconds(feature.component) * 1_000_000
            return Double(CivilTime.floorModulo(Int(stamp), period)) / Double(period)
        }
        let whole = CivilTime.floorDivide(Int(stamp), 1_000_000)
        let wall = whole + zone.offset(at: whole)
        let day = CivilTime.floorDivide(wall, CivilTime.secondsPerDay)
        let timeOfDay = (wall - day * CivilTime.secondsPerDay) * 1_000_000 + Int(stamp) - whole * 1_000_000
        func phase(days: Int, of period: Int) -> Double {
            let microsecondsPerDay = CivilTime.secondsPerDay * 1_000_000
            return Double(days * microsecondsPerDay + timeOfDay) / Double(period * microsecondsPerDay)
        }
        switch feature.component {
        case .day:
            return phase(days: 0, of: 1)
        case .week:
            return phase(days: CivilTime.weekday(days: day), of: 7)
        case .month:
            let date = CivilTime.date(days: day)
            return phase(days: date.day - 1, of: CivilTime.daysInMonth(year: date.year, month: date.month))
        case .year:
            let date = CivilTime.date(days: day)
            let dayOfYear = day - CivilTime.days(year: date.year, month: 1, day: 1)
            return phase(days: dayOfYear, of: CivilTime.isLeap(date.year) ? 366 : 365)
        case .holiday:
            return holidays.contains(day: day) ? 1 : 0
        }
    }
}
