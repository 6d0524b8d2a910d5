import Foundation

extension Ticks {
    /// Round times in UTC: full seconds, minutes, hours, days, Mondays, months or years.
    ///
    /// - Parameters:
    ///   - extent: seconds since 1970.
    ///   - count: the number of ticks that fit.
    /// - Returns: nil outside of the years 1 to 9999.
    static func times(in extent: Extent, about count: Int) -> Ticks? {
        guard extent.lower >= -62_135_596_800, extent.upper <= 253_402_300_799 else { return nil }
        let wanted = extent.width / Double(max(1, count))
        let steps = TimeStep.all
        var index = steps.firstIndex { $0.seconds >= wanted } ?? steps.count - 1
        var moments = steps[index].moments(in: extent)
        while moments.count < 2, index > 0 {
            index -= 1
            moments = steps[index].moments(in: extent)
        }
        return moments.count < 2 ? nil : Ticks(marks: labelled(moments, step: steps[index]), factor: nil)
    }

    private static func labelled(_ moments: [Double], step: TimeStep) -> [Mark] {
        var previous: String?
        return moments.map { moment in
            let (label, context) = step.labels(of: CivilTime(moment))
            defer { previous = context }
            return Mark(value: moment, label: label, context: context == previous ? nil : context)
        }
    }
}

/// The distance between the ticks of a time axis.
private enum TimeStep {
    case clock(seconds: Int)
    case days(Int)
    case months(Int)

    static let all: [TimeStep] =
        [1, 2, 5, 10, 15, 30].map { .clock(seconds: $0) }
        + [1, 2, 5, 10, 15, 30].map { .clock(seconds: $0 * 60) }
        + [1, 2, 3, 6, 12].map { .clock(seconds: $0 * 3_600) }
        + [1, 2, 7, 14].map { .days($0) }
        + [1, 3, 6].map { .months($0) }
        + [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000].map { .months(12 * $0) }

    var seconds: Double {
        switch self {
        case .clock(let seconds): Double(seconds)
        case .days(let days): Double(days) * 86_400
        case .months(let months): Double(months) * 30.4 * 86_400
        }
    }

    func moments(in extent: Extent) -> [Double] {
        switch self {
        case .clock(let seconds): Self.multiples(of: Double(seconds), from: 0, in: extent)
        // The fifth of January 1970 was a Monday.
        case .days(let days): Self.multiples(of: Double(days) * 86_400, from: days < 7 ? 0 : 4 * 86_400, in: extent)
        case .months(let months): Self.months(months, in: extent)
        }
    }

    func labels(of time: CivilTime) -> (label: String, context: String?) {
        let month = CivilTime.monthNames[time.month - 1]
        switch self {
        case .clock(let seconds):
            let clock = String(
                format: seconds < 60 ? "%02d:%02d:%02d" : "%02d:%02d", time.hour, time.minute, time.second)
            return (clock, "\(time.day) \(month) \(time.year)")
        case .days: return ("\(time.day) \(month)", "\(time.year)")
        case .months(let months) where months < 12: return (month, "\(time.year)")
        case .months: return ("\(time.year)", nil)
        }
    }

    private static func multiples(of step: Double, from origin: Double, in extent: Extent) -> [Double] {
        let first = ((extent.lower - origin) / step).rounded(.up)
        let last = ((extent.upper - origin) / step).rounded(.down)
        // The choice of the step bounds the number; the guard covers the smallest steps, which are tried only on narrow
        // extents.
        guard first <= last, last - first < 1_000 else { return [] }
        return (Int(first)...Int(last)).map { origin + Double($0) * step }
    }

    private static func months(_ step: Int, in extent: Extent) -> [Double] {
        let first = CivilTime(extent.lower)
        let start = (first.year * 12 + first.month - 1) / step
        return (start...start + 1_000).lazy
            .map { CivilTime.start(ofMonth: $0 * step) }
            .drop { $0 < extent.lower }
            .prefix { $0 <= extent.upper }
    }
}
