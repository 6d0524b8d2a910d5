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
        case noTimeColumn = "no-time-column"
        case noNumbers = "no-numbers"
        case singleRow = "single-row"
        case unknownTimeZone = "unknown-time-zone"
        case damagedSeries = "damaged-series"
    }

    /// The kind of fault.
    package let code: Code
    /// What is wrong, and a remedy.
    package let message: String
    /// The number of the line, from 1; nil where the fault has none.
    package let line: Int?

    /// The message.
    package var description: String { message }

    init(_ code: Code, _ message: String, line: Int? = nil) {
        self.code = code
        self.message = message
        self.line = line
    }
}
