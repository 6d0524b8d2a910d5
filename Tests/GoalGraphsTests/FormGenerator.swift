import Base
import GoalGraphs
import TestKit

/// Random sentences of a form, by the notation in which the form is documented, with the values of their slots.
struct FormGenerator {
    var random: SplitMix
    private var pattern: Substring = ""
    private var words: [String] = []
    private var values: [String: JSONValue] = [:]
    private var names = 0

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    struct Sentence {
        let text: String
        /// By slot. Content is `{"file": …}`, `{"url": …}`, `{"text": …}` or `{"previous": true}`.
        let values: [String: JSONValue]
    }

    mutating func sentence(_ form: SentenceForm) -> Sentence {
        (pattern, words, values) = (form.pattern[...], [], [:])
        expand(isUsed: true)
        precondition(pattern.isEmpty, "the pattern of \(form.id) is not read to its end")
        return Sentence(text: words.joined(separator: " "), values: values)
    }

    /// Reads a sequence up to `|`, a closing bracket or the end; adds its words and values where it is used.
    private mutating func expand(isUsed: Bool) {
        while let first = pattern.first, !"|])".contains(first) {
            switch first {
            case " ": pattern.removeFirst()
            case "[": expandGroup(isUsed: isUsed && Bool.random(using: &random))
            case "(": expandGroup(isUsed: isUsed)
            case "{":
                let text = pattern.dropFirst().prefix { $0 != "}" }
                pattern = pattern.dropFirst(text.count + 2)
                if isUsed { fill(text) }
            default:
                let word = pattern.prefix { !" []()|{}".contains($0) }
                pattern = pattern.dropFirst(word.count)
                if isUsed { words.append(spelled(String(word))) }
            }
        }
    }

    private mutating func expandGroup(isUsed: Bool) {
        let group = pattern
        // Counts the alternatives, then reads them again with one of them used.
        var count = 0
        let before = (words, values)
        repeat {
            pattern.removeFirst()
            expand(isUsed: false)
            count += 1
        } while pattern.first == "|"
        (words, values, pattern) = (before.0, before.1, group)
        let chosen = Int.random(in: 0..<count, using: &random)
        for index in 0..<count {
            pattern.removeFirst()
            expand(isUsed: isUsed && index == chosen)
        }
        pattern.removeFirst()
    }

    /// Words are understood in any case.
    private mutating func spelled(_ word: String) -> String {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: word.uppercased()
        case 1: word.prefix(1).uppercased() + word.dropFirst()
        default: word
        }
    }

    // MARK: Values

    private mutating func fill(_ text: Substring) {
        let parts = text.split(separator: ":").map(String.init)
        let (text, value) = parts[0] == "arguments" ? json() : slot(parts[parts.count - 1])
        words.append(text)
        values[parts[0]] = value
    }

    private mutating func slot(_ slot: String) -> (String, JSONValue) {
        switch slot {
        case "addresses": return list(1...3) { generator in generator.address() }
        case "column": return column()
        case "columns": return list(1...4) { generator in generator.column() }
        case "condition":
            let (text, conditions) = condition(isSingle: true)
            return (text, .array(conditions))
        case "conditions":
            let all = (0..<pick(1...3)).map { _ in condition(isSingle: false) }
            return (joined(all.map(\.0)), .array(all.flatMap(\.1)))
        case "content":
            guard pick(0...2) == 0 else { return source() }
            let (text, value) = quoted()
            return (text, ["text": value])
        case "date": return date()
        case "days":
            return list(1...3) { generator in
                let day = generator.pick(1...31)
                return ("\(day)\(Self.suffix(day))", .integer(Int64(day)))
            }
        case "decimal":
            let text = "\(pick(-999...999)).\(pick(1...9))"
            return (text, .string(text))
        case "file": return file()
        case "files": return list(1...3) { generator in generator.file() }
        case "folder":
            let name = name()
            return ("\(name)/\(name)", .string("\(name)/\(name)"))
        case "format": return choice([("CSV", "csv"), ("json", "json"), ("csv", "csv"), ("JSON", "json")])
        case "function":
            return choice([
                ("sum", "sum"), ("total", "sum"), ("average", "average"), ("mean", "average"), ("minimum", "minimum"),
                ("lowest", "minimum"), ("maximum", "maximum"), ("highest", "maximum"),
            ])
        case "number":
            let number = pick(100...500)
            return ("\(number)", .integer(Int64(number)))
        case "order":
            return choice([
                ("ascending", "ascending"), ("from low to high", "ascending"), ("oldest first", "ascending"),
                ("descending", "descending"), ("in descending order", "descending"), ("highest first", "descending"),
            ])
        case "pluralWeekdays": return weekdays(arePlural: true)
        case "recurrence":
            let hour = pick(0...23)
            return (
                "every day at \(hour):05 in Asia/Tokyo", ["cron": .string("5 \(hour) * * *"), "zone": "Asia/Tokyo"]
            )
        case "source": return source()
        case "text": return quoted()
        case "times": return times()
        case "url": return url()
        case "weekdays": return weekdays(arePlural: false)
        case "word":
            let name = name()
            return (name, .string(name))
        case "zone":
            return choice(
                ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"].map {
                    ($0, .string($0))
                })
        default: preconditionFailure("the generator has no slot '\(slot)'")
        }
    }

    mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func choice(_ choices: [(String, JSONValue)]) -> (String, JSONValue) {
        choices.randomElement(using: &random)!
    }

    /// A word that is in no other slot.
    private mutating func name() -> String {
        names += 1
        let letters = Array("bcdfghjklmnpqrstvwxz")
        var (name, rest) = ("", names)
        repeat {
            name.append(letters[rest % letters.count])
            rest /= letters.count
        } while rest > 0
        return name + String(letters.randomElement(using: &random)!) + "q"
    }

    private mutating func list(
        _ count: ClosedRange<Int>, _ item: (inout FormGenerator) -> (String, JSONValue)
    ) -> (String, JSONValue) {
        var items: [(String, JSONValue)] = []
        for _ in 0..<pick(count) {
            let next = item(&self)
            if !items.contains(where: { $0.1 == next.1 }) { items.append(next) }
        }
        return (joined(items.map(\.0)), .array(items.map(\.1)))
    }

    /// `a`, `a and b`, `a, b, and c`.
    private mutating func joined(_ items: [String]) -> String {
        guard items.count > 1 else { return items[0] }
        let last = [" and ", ", ", ", and "].randomElement(using: &random)!
        return items.dropLast().joined(separator: ", ") + last + items[items.count - 1]
    }

    private mutating func address() -> (String, JSONValue) {
        if pick(0...4) == 0 { return ("me", "me") }
        let text = "\(name())@\(name()).example"
        return (text, .string(text))
    }

    private mutating func column() -> (String, JSONValue) {
        let name = name()
        return pick(0...3) == 0 ? ("\"\(name) of June\"", .string("\(name) of June")) : (name, .string(name))
    }

    /// With an extension of a table.
    mutating func file() -> (String, JSONValue) {
        let folder = pick(0...1) == 0 ? "" : "\(name())/"
        let path = "\(folder)\(name()).\(pick(0...1) == 0 ? "csv" : "json")"
        return (path, .string(path))
    }

    private mutating func url() -> (String, JSONValue) {
        let (scheme, type) = (pick(0...3) == 0 ? "http" : "https", pick(0...1) == 0 ? "csv" : "json")
        let text = "\(scheme)://\(name()).example/\(name()).\(type)?q=\(pick(0...9)),2"
        return (text, .string(text))
    }

    private mutating func quoted() -> (String, JSONValue) {
        let marks = [("\"", "\""), ("“", "”"), ("«", "»"), ("„", "“"), ("'", "'"), ("`", "`")].randomElement(
            using: &random)!
        let text = "\(name()) and then \(name()), it's 5 > 3; fetch"
        return (marks.0 + text + marks.1, .string(text))
    }

    private mutating func json() -> (String, JSONValue) {
        let (name, number) = (name(), pick(1...9))
        return ("'{\"\(name)\": [\(number), \"a b\"]}'", .object([name: [.integer(Int64(number)), "a b"]]))
    }

    private mutating func source() -> (String, JSONValue) {
        switch pick(0...4) {
        case 0:
            let (text, path) = file()
            return (
                ["\(text)", "the file \(text)", "the table \(text)"].randomElement(using: &random)!, ["file": path]
            )
        case 1:
            let (text, url) = url()
            return (
                ["\(text)", "the page at \(text)", "the data from \(text)"].randomElement(using: &random)!, ["url": url]
            )
        default:
            let text = ["it", "this", "the result", "the table", "the output", "the rows"].randomElement(
                using: &random)!
            return (text, ["previous": true])
        }
    }

    private mutating func condition(isSingle: Bool) -> (String, [JSONValue]) {
        let column = column()
        func json(_ comparison: String, _ value: String?) -> JSONValue {
            var members: [String: JSONValue] = ["column": column.1, "comparison": .string(comparison)]
            members["value"] = value.map(JSONValue.string)
            return .object(members)
        }
        let prefix = ["", "the ", "the column "].randomElement(using: &random)! + column.0
        let low = pick(1...99)
        if !isSingle {
            switch pick(0...5) {
            case 0:
                return (
                    "\(prefix) is between \(low) and \(low + 5)",
                    [json("at_least", "\(low)"), json("at_most", "\(low + 5)")]
                )
            case 1:
                return (
                    "\(prefix) is from 2026-01-0\(low % 9 + 1) to 2026-02-28",
                    [json("at_least", "2026-01-0\(low % 9 + 1)"), json("less", "2026-03-01")]
                )
            case 2:
                return ("\(prefix) is in December 2025", [json("at_least", "2025-12-01"), json("less", "2026-01-01")])
            default: break
            }
        }
        let phrases = [
            ("is", "equals"), ("equals", "equals"), ("=", "equals"), ("is not", "not_equals"), ("≠", "not_equals"),
            ("!=", "not_equals"), ("is greater than", "greater"), ("is above", "greater"), (">", "greater"),
            ("exceeds", "greater"), ("is at least", "at_least"), (">=", "at_least"), ("≥", "at_least"),
            ("is more than or equal to", "at_least"), ("is less than", "less"), ("is below", "less"), ("<", "less"),
            ("is at most", "at_most"), ("is not above", "at_most"), ("<=", "at_most"), ("contains", "contains"),
            ("does not contain", "not_contains"),
        ]
        if pick(0...9) == 0 {
            return pick(0...1) == 0
                ? ("\(prefix) is empty", [json("is_empty", nil)])
                : ("\(prefix) is not blank", [json("is_not_empty", nil)])
        }
        let phrase = phrases.randomElement(using: &random)!
        let value = ["\(low)", "-\(low).5", name()].randomElement(using: &random)!
        return ("\(prefix) \(phrase.0) \(value)", [json(phrase.1, value)])
    }

    // MARK: Times

    /// Hours and minute, as `{"hours": "9,18", "minute": 30}`.
    private mutating func times() -> (String, JSONValue) {
        let minute = [0, 0, pick(0...59)].randomElement(using: &random)!
        let hours = Set((0..<pick(1...2)).map { _ in pick(0...23) }).sorted()
        let texts = hours.map { hour in
            let digits = "\(minute < 10 ? "0" : "")\(minute)"
            switch pick(0...3) {
            case 0: return "\(hour % 12 == 0 ? 12 : hour % 12):\(digits) \(hour < 12 ? "am" : "pm")"
            case 1: return "\(hour % 12 == 0 ? 12 : hour % 12):\(digits)\(hour < 12 ? "a.m." : "p.m.")"
            case 2 where minute == 0: return "\(hour)"
            default: return "\(hour):\(digits)"
            }
        }
        return (
            texts.joined(separator: " and "),
            ["hours": .string(hours.map(String.init).joined(separator: ",")), "minute": .integer(Int64(minute))]
        )
    }

    private mutating func weekdays(arePlural: Bool) -> (String, JSONValue) {
        let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
        let plural = arePlural ? "s" : ""
        switch pick(0...4) {
        case 0: return ("weekday\(plural)", [1, 2, 3, 4, 5])
        case 1: return ("weekend\(plural)", [0, 6])
        case 2 where !arePlural:
            let (first, length) = (pick(0...6), pick(1...5))
            let last = (first + length) % 7
            let days = Set((0...length).map { (first + $0) % 7 }).sorted()
            return ("\(names[first]) to \(names[last])", .array(days.map { .integer(Int64($0)) }))
        default:
            let days = Set((0..<pick(1...3)).map { _ in pick(0...6) })
            return (
                joined(days.map { names[$0] + plural }), .array(days.sorted().map { .integer(Int64($0)) })
            )
        }
    }

    private mutating func date() -> (String, JSONValue) {
        let months = ["January", "March", "Aug", "December"]
        let index = pick(0...3)
        let (month, day) = ([1, 3, 8, 12][index], pick(1...31))
        let text = [
            "\(day) \(months[index])", "\(months[index]) \(day)\(Self.suffix(day))",
            "\(day)\(Self.suffix(day)) of \(months[index])",
        ]
        .randomElement(using: &random)!
        return (text, ["month": .integer(Int64(month)), "day": .integer(Int64(day))])
    }

    private static func suffix(_ day: Int) -> String {
        if (11...13).contains(day) { return "th" }
        return switch day % 10 {
        case 1: "st"
        case 2: "nd"
        case 3: "rd"
        default: "th"
        }
    }
}
