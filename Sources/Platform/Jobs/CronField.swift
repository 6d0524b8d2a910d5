/// One field of a cron expression: a set of numbers.
struct CronField: Sendable, Equatable {
    struct Kind: Sendable {
        let name: String
        let range: ClosedRange<Int64>
        var names: [String] = []
        /// The number of the first name.
        var firstNamed: Int64 = 0
    }

    static let kinds = [
        Kind(name: "minute", range: 0...59),
        Kind(name: "hour", range: 0...23),
        Kind(name: "day of month", range: 1...31),
        Kind(
            name: "month", range: 1...12,
            names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], firstNamed: 1),
        Kind(name: "day of week", range: 0...7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    ]

    private var bits: UInt64 = 0
    /// False for a field that begins with `*`.
    let isRestricted: Bool

    /// - Parameter faults: gets the faults of the field, one for each part of a list.
    init(_ kind: Kind, _ text: String, faults: inout [String]) {
        isRestricted = !text.hasPrefix("*")
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            do {
                for number in try Self.numbers(kind, String(part)) { bits |= 1 << UInt64(number) }
            } catch {
                faults.append("\(kind.name): \(error.text)")
            }
        }
        // Sunday is 0 and 7.
        if kind.range.upperBound == 7, bits & 1 << 7 != 0 { bits = bits & ~(1 << 7) | 1 }
    }

    func contains(_ number: Int64) -> Bool { bits >> UInt64(number) & 1 == 1 }

    var sorted: [Int64] { (0..<64).filter(contains) }

    private struct Fault: Error { let text: String }

    private static func numbers(_ kind: Kind, _ part: String) throws(Fault) -> [Int64] {
        guard !part.isEmpty else { throw Fault(text: "a part of the list is empty") }
        let halves = part.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard halves.count <= 2 else { throw Fault(text: "'\(part)' has more than one step") }
        let range = try range(kind, halves[0], in: part)
        guard halves.count == 2 else { return Array(range) }
        guard let step = number(halves[1]) else { throw Fault(text: "'\(halves[1])' is not a step") }
        guard step >= 1 else { throw Fault(text: "a step of 0 goes nowhere") }
        guard halves[0] == "*" || halves[0].contains("-") else {
            throw Fault(
                text: "a step needs a range to go through: "
                    + "write '\(halves[0])-\(kind.range.upperBound)/\(halves[1])' for '\(part)'"
            )
        }
        guard step <= range.upperBound - range.lowerBound else {
            throw Fault(text: "the step of '\(part)' is longer than its range")
        }
        return Array(stride(from: range.lowerBound, through: range.upperBound, by: Int(step)))
    }

    private static func range(_ kind: Kind, _ text: String, in part: String) throws(Fault) -> ClosedRange<Int64> {
        // `*` for days of the week is seven days, not eight.
        if text == "*" { return kind.range.lowerBound...(kind.range.upperBound == 7 ? 6 : kind.range.upperBound) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard ends.count <= 2 else { throw Fault(text: "'\(part)' is not a range") }
        let lower = try value(kind, ends[0])
        guard ends.count == 2 else { return lower...lower }
        var upper = try value(kind, ends[1])
        // A week may end on Sunday: FRI-SUN.
        if kind.range.upperBound == 7, upper == 0, lower > 0 { upper = 7 }
        guard lower <= upper else { throw Fault(text: "the range '\(text)' runs backwards") }
        return lower...upper
    }

    private static func value(_ kind: Kind, _ text: String) throws(Fault) -> Int64 {
        if let index = kind.names.firstIndex(of: text.uppercased()) { return kind.firstNamed + Int64(index) }
        guard let number = number(text) else {
            throw Fault(text: "'\(text)' is not a number\(kind.names.isEmpty ? "" : " or a name of three letters")")
        }
        guard kind.range.contains(number) else {
            throw Fault(text: "\(text) is not between \(kind.range.lowerBound) and \(kind.range.upperBound)")
        }
        return number
    }

    /// One to four digits without a sign.
    private static func number(_ text: String) -> Int64? {
        guard (1...4).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int64(text)
    }
}
