/// The values that a sentence has for the slots of a form.
///
/// A slot that its form does not have, or of another kind, is a mistake of the skill and stops the program.
struct FormMatch {
    private let values: [String: SlotValue]

    init(_ values: [String: SlotValue]) { self.values = values }

    func has(_ name: String) -> Bool { values[name] != nil }

    func text(_ name: String) -> String {
        guard case .text(let text)? = values[name] else { Self.stop(name) }
        return text
    }

    func textIfPresent(_ name: String) -> String? { has(name) ? text(name) : nil }

    func texts(_ name: String) -> [String] {
        guard case .texts(let texts)? = values[name] else { Self.stop(name) }
        return texts
    }

    func number(_ name: String) -> Int {
        guard case .number(let number)? = values[name] else { Self.stop(name) }
        return number
    }

    func numbers(_ name: String) -> [Int] {
        guard case .numbers(let numbers)? = values[name] else { Self.stop(name) }
        return numbers
    }

    func conditions(_ name: String) -> [RowCondition] {
        guard case .conditions(let conditions)? = values[name] else { Self.stop(name) }
        return conditions
    }

    func content(_ name: String) -> Content {
        guard case .content(let content)? = values[name] else { Self.stop(name) }
        return content
    }

    func trigger(_ name: String) -> Trigger {
        guard case .trigger(let trigger)? = values[name] else { Self.stop(name) }
        return trigger
    }

    /// Midnight where no time is given.
    func times(_ name: String) -> TimesOfDay {
        guard has(name) else { return TimesOfDay(hours: [0], minute: 0) }
        guard case .time(let times)? = values[name] else { Self.stop(name) }
        return times
    }

    func date(_ name: String) -> YearDay {
        guard case .date(let date)? = values[name] else { Self.stop(name) }
        return date
    }

    private static func stop(_ name: String) -> Never { preconditionFailure("the form has no such slot '\(name)'") }
}
