import Modules

/// What an organizer has said of an event, as the planner's clients spell it.
struct DraftBrief: Payload {
    var eventType: String?
    var guestCount: Int64?
    /// In major units of `currency`.
    var budget: DecimalNumber?
    var currency: String?
    var city: String?
    /// A day, or an object with `start` and `end`.
    var dateRange: JSONValue?

    static let naming = Naming.asDeclared
    static let isOpen = true
    static let rules: [String: Rule] = [
        "eventType": .length(0...60), "guestCount": .range(0...MarketplaceLimits.guestsMax),
        "currency": .length(3...3), "city": .length(0...100),
    ]

    private static let decoder = PayloadDecoder(for: DraftBrief.self)

    init() {}

    /// - Parameter pointer: the position of the brief in a body whose names are spelled differently.
    /// - Throws: `validation-failed`.
    init(checking value: JSONValue, at pointer: String) throws(Problem) {
        do throws(Problem) {
            self = try Self.decoder.decode(DraftBrief.self, from: value)
        } catch {
            guard let faults = error.members["errors"]?.array else { throw error }
            throw Problem.invalid(
                faults.map {
                    Problem.Fault(pointer + ($0["pointer"]?.string ?? ""), $0["detail"]?.string ?? "is not valid")
                })
        }
        try FreeForm.check(value, at: pointer)
        _ = try money(at: "\(pointer)/budget")
    }

    /// The first day; nil where none is named.
    var date: CalendarDate? {
        let text = dateRange?.string ?? dateRange?["start"]?.string ?? dateRange?["from"]?.string
        return text.flatMap { CalendarDate(String($0.prefix(10))) }
    }

    /// The budget; 0 where none is named.
    /// - Throws: `validation-failed` for a budget with more decimals than its currency has, or out of bounds.
    func money(at pointer: String) throws(Problem) -> Money {
        guard let currency = currency.map({ Currency($0) }) ?? .usual else {
            throw Problem.invalid("\(pointer)", "has an unknown currency")
        }
        return try AmountReader.money(budget ?? DecimalNumber(0), currency, at: pointer)
    }

    /// The members that a plan needs and the brief lacks, in the order in which they are asked for.
    var missing: [String] {
        var missing: [String] = []
        if eventType?.isEmpty ?? true { missing.append("eventType") }
        if guestCount == nil { missing.append("guestCount") }
        if budget == nil { missing.append("budget") }
        if city?.isEmpty ?? true { missing.append("city") }
        if date == nil { missing.append("dateRange") }
        return missing
    }
}
