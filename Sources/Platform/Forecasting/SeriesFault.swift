/// The reason why a file cannot be read as a series: a stable code, and a message with a remedy.
package struct SeriesFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault; the raw values are stable.
    package enum Code: String, Codable, Sendable, CaseIterable {
        case empty
        case notText = "not-text"
        case lineTooLong = "line-too-long"
        case tooManyColumns = "too-many-columns"
        case tooManyRows = "too-many-rows"
        case unknownColumn = "unknown-column"
        /// Several columns have the name that a setting gives.
        case ambiguousColumn = "ambiguous-column"
        case noTimeColumn = "no-time-column"
        case noNumbers = "no-numbers"
        case singleRow = "single-row"
        case unknownTimeZone = "unknown-time-zone"
        case damagedSeries = "damaged-series"
        /// The numbers fit two decimal marks.
        case ambiguousNumbers = "ambiguous-numbers"
        /// The dates fit two orders of day and month.
        case ambiguousDates = "ambiguous-dates"
        /// The file has more than one series.
        case severalSeries = "several-series"
        /// Too many rows have a text instead of a number, or instead of a time.
        case unreadableRows = "unreadable-rows"
        /// Rows have more fields than the header.
        case unevenColumns = "uneven-columns"
    }

    /// The kind of fault.
    package let code: Code
    /// What is wrong, and a remedy.
    package let message: String
    /// The number of the line, from 1; nil where the fault has none.
    package let line: Int?
    /// The name of the column; nil where the fault has none.
    package let column: String?
    /// The possible readings of an ambiguous field.
    package let readings: [String]
    /// The names of the settings that would change the outcome.
    package let settings: [String]

    /// The message.
    package var description: String { message }

    init(
        _ code: Code, _ message: String, line: Int? = nil, column: String? = nil, readings: [String] = [],
        settings: [String] = []
    ) {
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.readings = readings
        self.settings = settings
    }

    /// A name that is not in the IANA time zone database.
    package static func unknownTimeZone(_ name: String) -> SeriesFault {
        SeriesFault(
            .unknownTimeZone, "There is no time zone named \"\(name)\". Use a name such as Europe/Vienna or UTC.",
            settings: ["zeitzone"])
    }

    /// A column whose words tell several series apart.
    static func severalSeries(column: String, words: [String], line: Int?) -> SeriesFault {
        let shown = words.prefix(3).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ")
        let start = line.map { "Line \($0): c" } ?? "C"
        return SeriesFault(
            .severalSeries,
            "\(start)olumn \"\(column)\" tells several series apart, such as \(shown). "
                + "Upload a file for each, with the rows of one.",
            line: line, column: column)
    }
}
