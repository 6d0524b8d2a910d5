/// The order of day and month in dates such as `03/04/2024`.
package enum DateOrder: String, Codable, Sendable, CaseIterable {
    case dayMonth = "day-month"
    case monthDay = "month-day"
}

/// The decimal mark of numbers.
package enum DecimalMark: String, Codable, Sendable, CaseIterable {
    case point = "."
    case comma = ","
}

/// What the dates of a column tell about the order of day and month.
struct DateOrderEvidence {
    /// The order of a column.
    enum Decision: Equatable {
        /// No date depends on the order.
        case independent
        case order(DateOrder)
        /// The dates fit both orders.
        case ambiguous
    }

    private var dayMonth = 0
    private var monthDay = 0
    private var both = 0
    /// The last time under each order, and the largest distance of neighbours, in seconds.
    private var previous: (dayMonth: Int, monthDay: Int)?
    private var gaps = (dayMonth: 0, monthDay: 0)
    /// The first date that fits both orders.
    private(set) var example: NumberMarks.Example?

    /// Adds the time of a row.
    mutating func add(_ text: UnsafeBufferPointer<UInt8>, line: Int) {
        let first = TimestampParser.calendar(text, order: .dayMonth)
        let second = TimestampParser.calendar(text, order: .monthDay)
        guard let layout = (first ?? second)?.layout, layout.dependsOnOrder else { return }
        guard let first, let second else {
            if first != nil { dayMonth += 1 } else { monthDay += 1 }
            return
        }
        // 05/05/2024 is the same day in both orders.
        if first.wall != second.wall {
            both += 1
            if example == nil {
                example = NumberMarks.Example(line: line, text: String(decoding: text.prefix(40), as: UTF8.self))
            }
        }
        if let previous {
            gaps.dayMonth = max(gaps.dayMonth, abs(first.wall - previous.dayMonth))
            gaps.monthDay = max(gaps.monthDay, abs(second.wall - previous.monthDay))
        }
        previous = (first.wall, second.wall)
    }

    /// Where all dates fit both orders, the order under which they follow each other without jumps of a month is taken.
    var decision: Decision {
        if dayMonth != monthDay { return .order(dayMonth > monthDay ? .dayMonth : .monthDay) }
        if both == 0 { return dayMonth > 0 ? .ambiguous : .independent }
        if gaps.monthDay > 0, gaps.dayMonth * 10 <= gaps.monthDay { return .order(.dayMonth) }
        if gaps.dayMonth > 0, gaps.monthDay * 10 <= gaps.dayMonth { return .order(.monthDay) }
        return .ambiguous
    }
}
