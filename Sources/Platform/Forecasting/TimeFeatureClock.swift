import Foundation

/// Computes the time features of a recipe for successive reference times.
struct TimeFeatureClock {
    private let features: [(feature: TimeFeatures.Feature, offsets: [Int64])]
    private let steps: Int
    private var zone: ZoneOffsets
    private var holidays: Holidays

    /// Mean lengths in seconds: a year of 365.25 days and a twelfth of it.
    private static let meanYear = 31_557_600.0
    private static let meanMonth = 2_629_800.0

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
            let seconds = Double(stamp) / 1e6
            switch feature.component {
            case .year: return seconds / Self.meanYear
            case .month: return seconds / Self.meanMonth
            case .week: return seconds / 604_800
            case .day, .holiday: return seconds / 86_400
            }
        }
        let whole = CivilTime.floorDivide(Int(stamp), 1_000_000)
        let wall = whole + zone.offset(at: whole)
        let day = CivilTime.floorDivide(wall, CivilTime.secondsPerDay)
        let second = Double(wall - day * CivilTime.secondsPerDay) + Double(Int(stamp) - whole * 1_000_000) / 1e6
        switch feature.component {
        case .day:
            return second / 86_400
        case .week:
            return (Double(CivilTime.weekday(days: day)) * 86_400 + second) / 604_800
        case .month:
            let date = CivilTime.date(days: day)
            return (Double(date.day - 1) * 86_400 + second)
                / (Double(CivilTime.daysInMonth(year: date.year, month: date.month)) * 86_400)
        case .year:
            let date = CivilTime.date(days: day)
            let dayOfYear = day - CivilTime.days(year: date.year, month: 1, day: 1)
            return (Double(dayOfYear) * 86_400 + second) / (CivilTime.isLeap(date.year) ? 31_622_400 : 31_536_000)
        case .holiday:
            return holidays.contains(day: day) ? 1 : 0
        }
    }
}
