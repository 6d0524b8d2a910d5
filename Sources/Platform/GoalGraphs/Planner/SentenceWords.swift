/// Words with a meaning for the planner.
enum SentenceWords {
    /// They are not the name of a column, a folder or a language unless they are quoted.
    static let reserved: Set<String> = [
        "an", "the", "and", "or", "not", "then", "of", "in", "into", "from", "to", "by", "per", "for", "each",
        "every", "on", "at", "as", "with", "where", "is", "are", "it", "this", "that", "them", "these", "those", "both",
        "me", "please",
    ]

    static let numbers = [
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12,
    ]

    static let functions: [String: AggregateFunction] = [
        "sum": .sum, "total": .sum, "average": .average, "mean": .average, "minimum": .minimum, "lowest": .minimum,
        "smallest": .minimum, "maximum": .maximum, "highest": .maximum, "largest": .maximum,
    ]

    static let orders: [([String], String)] = [
        (["ascending"], "ascending"), (["in", "ascending", "order"], "ascending"),
        (["from", "low", "to", "high"], "ascending"), (["lowest", "first"], "ascending"),
        (["smallest", "first"], "ascending"), (["oldest", "first"], "ascending"),
        (["descending"], "descending"), (["in", "descending", "order"], "descending"),
        (["from", "high", "to", "low"], "descending"), (["highest", "first"], "descending"),
        (["largest", "first"], "descending"), (["newest", "first"], "descending"),
    ]

    /// What stands for the output of earlier steps.
    static let outputs: [([String], Content)] = [
        (["it"], .previous), (["this"], .previous), (["that"], .previous),
        (["them"], .severalPrevious), (["these"], .severalPrevious), (["those"], .severalPrevious),
        (["both"], .severalPrevious), (["the", "two"], .severalPrevious), (["the", "results"], .severalPrevious),
        (["the", "outputs"], .severalPrevious), (["the", "files"], .severalPrevious),
        (["the", "pages"], .severalPrevious), (["the", "tables"], .severalPrevious),
    ]

    /// Behind "the": the output of the step before.
    static let outputNouns: Set<String> = [
        "answer", "average", "body", "comparison", "content", "contents", "count", "csv", "data", "difference",
        "differences", "document", "file", "html", "json", "lines", "list", "maximum", "mean", "minimum", "number",
        "output", "page", "report", "response", "result", "rows", "sum", "summary", "table", "text", "total",
        "translation", "values",
    ]

    /// Words that may stand before a step.
    static let politeness: [[String]] = [
        ["please"], ["kindly"], ["first"], ["also"], ["can", "you"], ["could", "you"], ["would", "you"],
        ["i", "want", "to"], ["i", "would", "like", "to"], ["i", "need", "to"], ["i'd", "like", "to"],
    ]

    /// Words before a step that has to wait for those before it.
    static let sequence = [["then"], ["afterwards"], ["next"], ["finally"], ["after", "that"], ["when", "done"]]

    private static let beginnings = Set((politeness + sequence).map { $0[0] }).union(Skills.verbs)

    /// Whether a word may be the first of a step.
    static func startsStep(_ word: String) -> Bool { beginnings.contains(word) }

    /// English names, and abbreviations of three or four letters, from Sunday on.
    static let weekdays: [String: Int] = {
        let names = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
        var numbers = ["tues": 2, "thur": 4, "thurs": 4]
        for (number, name) in names.enumerated() {
            for spelling in [name, name + "s", String(name.prefix(3))] { numbers[spelling] = number }
        }
        return numbers
    }()

    static let months: [String: Int] = {
        let names = [
            "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
            "november", "december",
        ]
        var numbers = ["sept": 9]
        for (index, name) in names.enumerated() {
            for spelling in [name, String(name.prefix(3))] { numbers[spelling] = index + 1 }
        }
        return numbers
    }()

    static let ordinals = [
        "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
        "tenth": 10, "eleventh": 11, "twelfth": 12,
    ]
}
