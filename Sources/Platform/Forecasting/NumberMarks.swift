/// What the numbers of a column tell about its decimal mark.
///
/// A field such as `1.234` fits two readings: one and 234 thousandths, or one thousand two hundred and thirty-four. The
/// other fields of its column tell which one is meant.
struct NumberMarks {
    static let point = UInt8(ascii: ".")
    static let comma = UInt8(ascii: ",")

    /// The decimal mark of a column.
    enum Decision: Equatable {
        case decimal(UInt8)
        /// No field has a mark.
        case unmarked
        /// The fields fit both readings.
        case ambiguous
    }

    /// A field, with the number of its line.
    struct Example {
        var line: Int
        var text: String
    }

    private var decimalPoint = 0
    private var decimalComma = 0
    private var ambiguousPoint = 0
    private var ambiguousComma = 0
    /// Numbers of four and more digits without a mark: the column does not group thousands.
    private var ungrouped = 0
    /// The first field that fits both readings, or that contradicts the others.
    private(set) var example: Example?

    /// Adds a field; text that is not a number is ignored.
    mutating func add(_ text: UnsafeBufferPointer<UInt8>, line: Int) {
        var at = NumberParser.sign(text).length
        guard at < text.count else { return }
        let startsWithZero = text[at] == UInt8(ascii: "0")
        var run = 0
        // The digits before the first mark.
        var lead: Int?
        var points = 0
        var commas = 0
        var last: UInt8 = 0
        var isGrouped = true
        var hasOtherGroups = false
        loop: while at < text.count {
            let byte = text[at]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                run += 1
                at += 1
            case Self.point, Self.comma:
                if lead == nil { lead = run } else if run != 3 { isGrouped = false }
                if byte == Self.point { points += 1 } else { commas += 1 }
                last = byte
                run = 0
                at += 1
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                break loop
            default:
                guard let mark = NumberParser.groupingMark(text, at: at) else { return }
                hasOtherGroups = true
                run = 0
                at += mark.length
            }
        }
        guard points + commas > 0, let lead else {
            if run >= 4, !hasOtherGroups { ungrouped += 1 }
            return
        }
        if points > 0, commas > 0 {
            if last == Self.point, points == 1 { decimalPoint += 1 }
            if last == Self.comma, commas == 1 { decimalComma += 1 }
            return
        }
        if points + commas > 1 {
            // Several equal marks group thousands, so the other mark is the decimal one.
            guard isGrouped, run == 3, (1...3).contains(lead) else { return }
            if last == Self.point { decimalComma += 1 } else { decimalPoint += 1 }
            return
        }
        if run == 3, (1...3).contains(lead), !startsWithZero, !hasOtherGroups {
            if last == Self.point { ambiguousPoint += 1 } else { ambiguousComma += 1 }
            if example == nil { example = Example(line: line, text: String(decoding: text.prefix(40), as: UTF8.self)) }
        } else if last == Self.point {
            decimalPoint += 1
        } else {
            decimalComma += 1
        }
    }

    /// Adds the fields of another column of the file.
    mutating func add(_ other: NumberMarks) {
        decimalPoint += other.decimalPoint
        decimalComma += other.decimalComma
    }

    /// The decimal mark. `others` are the marks of the file's other columns, which decide where this one does not.
    func decision(others: NumberMarks = NumberMarks()) -> Decision {
        if decimalPoint != decimalComma { return .decimal(decimalPoint > decimalComma ? Self.point : Self.comma) }
        if decimalPoint > 0 { return .ambiguous }
        switch (ambiguousPoint > 0, ambiguousComma > 0) {
        case (false, false): return .unmarked
        case (true, true): return .ambiguous
        case (let isPoint, _):
            if ungrouped > 0 { return .decimal(isPoint ? Self.point : Self.comma) }
            guard others.decimalPoint != others.decimalComma else { return .ambiguous }
            return .decimal(others.decimalPoint > others.decimalComma ? Self.point : Self.comma)
        }
    }
}
